"use strict";
// Controls are native elements, so that keys and screen readers reach them; plotly only draws.
const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const narrow = () => window.innerWidth < 600;

function draw(id, traces, axes) {
  const line = {gridcolor: colour("rule"), zerolinecolor: colour("rule"), linecolor: colour("faint")};
  const layout = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {color: colour("ink"), size: 13}, hoverlabel: {font: {size: 13}, align: "left"},
    margin: {l: 8, r: 8, t: 8, b: 8}, dragmode: narrow() ? false : "pan",
    legend: {orientation: "h", yanchor: "bottom", y: 1.02, x: 0}, ...axes,
  };
  for (const axis of ["xaxis", "yaxis"])
    if (layout[axis]) layout[axis] = {...line, automargin: true, ...layout[axis]};
  Plotly.react(id, traces, layout, {responsive: true, displaylogo: false, displayModeBar: false});
}

function nothing(id, text) { draw(id, [], {annotations: [{text, showarrow: false}], xaxis: {visible: false}, yaxis: {visible: false}}); }

function drawRatios() {
  const origin = at("origin").value;
  const traces = data.origins.filter(name => name === origin || origin === data.origins[0]).slice(
    origin === data.origins[0] ? 1 : 0).map(name => {
    const rows = data.ratios.filter(row => row.origin === name), k = data.origins.indexOf(name) - 1;
    return {
      name, type: "scatter", mode: "markers", x: rows.map(row => row.factor), y: rows.map(row => row.law),
      text: rows.map(row => row.text), hovertemplate: "%{text}<extra></extra>",
      marker: {color: colour("series-" + k), symbol: ["circle-open", "circle", "diamond"][k], size: 9, opacity: 0.75},
    };
  });
  if (!data.ratios.length) return nothing("ratios-plot", "no pair of models on record");
  const band = {type: "rect", xref: "x", yref: "paper", x0: 1 / 1.2, x1: 1.2, y0: 0, y1: 1, line: {width: 0},
    fillcolor: colour("panel"), layer: "below"};
  draw("ratios-plot", traces, {
    xaxis: {type: "log", title: {text: "predicted / measured"}, tickvals: [0.125, 0.25, 0.5, 1, 2, 4, 8]},
    yaxis: {categoryorder: "array", categoryarray: data.laws.slice().reverse(), tickfont: {size: narrow() ? 11 : 13}},
    shapes: [band],
  });
}

function options(select, values) {
  if (select.dataset.values === String(values)) return;
  select.dataset.values = String(values);
  select.replaceChildren(...values.map(value => new Option(value, value)));
}

const ticks = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap(power => [1, 2, 5].map(digit => Number(`${digit}e${power}`)));

function drawSpectrum() {
  if (!data.spectra.length) return nothing("spectra-plot", "no spectrum on record");
  const p = data.patches[at("patches").value], d = data.depths[at("depth").value], moment = at("moment").value;
  for (const [id, value] of [["patches", p], ["depth", d]]) {
    at(id + "-value").textContent = value;
    at(id).setAttribute("aria-valuetext", value);
  }
  const here = data.spectra.filter(each => each.patches === p && each.depth === d);
  options(at("seed"), [...new Set(here.map(each => each.seed))]);
  const found = here.find(each => String(each.seed) === at("seed").value && each.moment === moment);
  at("spectrum-text").textContent = found ? found.text : `P = ${p}, d = ${d}: no spectrum on record`;
  if (!found) return nothing("spectra-plot", "not on record");
  const rank = found.measured.map((_, k) => k + 1);
  const marks = (name, y, k, symbol, more) => ({
    name, y, x: rank, type: "scatter", mode: "markers", marker: {color: colour("series-" + k), symbol, size: 10}, ...more});
  const traces = [
    marks("measured", found.measured, 0, "circle", {error_y: {array: found.radius, color: colour("series-0")}}),
    marks("tangent kernel", found.predicted, 1, "diamond-open"),
  ];
  if (found.commutator.length) traces.push(marks("commutator kernel", found.commutator, 2, "square-open"));
  draw("spectra-plot", traces, {
    xaxis: {title: {text: "rank"}, dtick: narrow() ? 2 : 1},
    yaxis: {type: "log", title: {text: "eigenvalue"}, tickvals: ticks},
  });
}

function drawLandscape() {
  const found = data.landscapes[at("run").value];
  if (!found) return nothing("landscape-plot", "no landscape on record");
  const scene = name => ({title: {text: name}, gridcolor: colour("rule"), color: colour("ink")});
  const path = found.trajectory, end = path.minimum;
  draw("landscape-plot", [
    {type: "surface", x: found.x, y: found.y, z: found.loss, colorscale: "Viridis", opacity: 0.9,
      colorbar: {thickness: 12, len: 0.6}, hovertemplate: "loss %{z:.3f}<extra></extra>"},
    {type: "scatter3d", mode: "lines+markers", x: path.x, y: path.y, z: path.loss, name: "trajectory",
      line: {color: colour("series-1"), width: 5}, marker: {color: colour("series-1"), size: 3}, showlegend: false,
      text: path.loss.map((loss, epoch) => `epoch ${epoch}: loss ${loss.toFixed(4)}`), hovertemplate: "%{text}<extra></extra>"},
    {type: "scatter3d", mode: "markers", x: [path.x[end]], y: [path.y[end]], z: [path.loss[end]], showlegend: false,
      marker: {symbol: "circle-open", size: 9, color: colour("series-3")}, hovertemplate: `minimum, epoch ${end}<extra></extra>`},
  ], {scene: {xaxis: scene("PC1"), yaxis: scene("PC2"), zaxis: scene("loss"), dragmode: "orbit"}});
}

function drawAll() { drawRatios(); drawSpectrum(); drawLandscape(); }
at("origin").addEventListener("change", drawRatios);
for (const id of ["patches", "depth", "seed", "moment"]) at(id).addEventListener("input", drawSpectrum);
at("run").addEventListener("change", drawLandscape);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll();
