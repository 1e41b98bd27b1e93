"""A copy of a run that keeps the parameters of a few epochs only: small enough for a repository.

The run's two JSON files are copied unchanged, so history, configuration and the checksums of all
files stay on record; ``kept.json`` says which epochs' parameters came along. Adam's state does not,
so the copy cannot be trained on.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from patchlaw.verification.runs.checkpoint import CHECKPOINT_FILE, load_checkpoint
from patchlaw.verification.runs.run import CONFIG_FILE, KEPT, KEPT_FILE, KeptEpochs, Run, RunError
from patchlaw.verification.store.tensors import read_tensors


def thin_run(run: Run, out: Path, epochs: Iterable[int] = ()) -> Run:
    """Copy a run to ``out / <run id>`` with the parameters at its minimum and at some epochs.

    Args:
        run: with at least one epoch done.
        out: another folder of runs than the run's.
        epochs: epochs done, 0 the start; those beyond the run's are refused.

    Raises:
        RunError: something is in the way, no epoch is done, the run does not have an epoch, or it
            has gone on since it was opened.
        RecordError: a file to be copied is missing, cut or altered; nothing is left behind.
    """
    kept = sorted({run.minimum_epoch, *epochs})
    for epoch in kept:
        if not 0 <= epoch <= run.epochs_done:
            raise RunError(f"{run.path}: epoch: expected 0 to {run.epochs_done}, got {epoch}")
    target = out / run.config.run_id
    if target.exists():
        raise RunError(f"{target}: expected nothing there, got a file or folder; move it away")
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=out, prefix=f".{run.config.run_id}."))
    try:
        (work / "epochs").mkdir()
        for name in (CONFIG_FILE, CHECKPOINT_FILE):
            shutil.copyfile(run.path / name, work / name)
        if load_checkpoint(work) != run.checkpoint:  # its minimum may be another one by now
            raise RunError(
                f"{run.path}: expected the run as it was opened, got one that was trained on "
                "meanwhile; open it again when it is finished"
            )
        for epoch in kept:
            record = run.file_of(epoch)
            read_tensors(run.path, record)
            shutil.copyfile(run.path / record.name, work / record.name)
        KEPT.write(work / KEPT_FILE, KeptEpochs(run.config.sha256, tuple(kept)))
        work.chmod(0o755)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work)
        raise
    return Run.open(target)
