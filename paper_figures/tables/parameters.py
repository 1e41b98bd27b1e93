"""Table 2: parameter counts."""

from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.tables.comparison import Quantity
from patchlaw.paper_figures.tables.content import Panel, Row, TableContent
from patchlaw.paper_figures.tables.protocol import author_by_configuration

_PARAMETERS = Quantity("parameters", "parameters", 0)

TITLE_2 = "Number of trainable parameters"


def table_2(records: Records) -> TableContent:
    """Parameters of the models as they are built, beside the author's; no records are needed."""
    from patchlaw.simulators import DistributedQNN

    rows = []
    for configuration, author in author_by_configuration().items():
        model = DistributedQNN(configuration.patches, configuration.depth)
        rows.append(
            Row(
                configuration.patches,
                configuration.depth,
                _PARAMETERS.compared(author.n_parameters, model.n_parameters),
            )
        )
    return TableContent(
        number=2,
        title=TITLE_2,
        panels=(Panel((_PARAMETERS.comparison(),)),),
        rows=tuple(rows),
        notes=(
            "Author: recorded. Ours: counted on the model, P (48 d + 128) angles and 196 pixel "
            "biases. It does not depend on a seed.",
        ),
        sources=(),
        missing=(),
        n_found=len(rows),
        n_missing=0,
    )
