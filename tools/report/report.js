// SPDX-License-Identifier: Apache-2.0
// The report of a sweep. All that it shows is in the page; what a model wrote gets into the page as text only.
"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const get = id => document.getElementById(id);
const make = (name, text, attributes = {}) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
const short = value => value === null || value === undefined || !Number.isFinite(value) ? "–" : String(+value.toPrecision(4));
const show = value => typeof value === "object" ? JSON.stringify(value) : String(value);

// ---- the grid ----

const axes = data.axes, seedAxis = axes.findIndex(axis => axis.name === "seed");
const state = {model: 0, prompt: 0, at: axes.map(() => 0), reference: null, sort: null, down: false};
const textKey = (model, prompt, at) => [model, prompt, ...at].join("/");
const cellKey = (model, prompt, at) => textKey(model, prompt, at.map((value, a) => a === seedAxis ? 0 : value));
const texts = new Map(data.texts.map(text => [textKey(text.model, text.prompt, text.at), text]));
const cells = new Map(data.cells.map(cell => [cellKey(cell.model, cell.prompt, cell.at), cell]));
const current = () => texts.get(textKey(state.model, state.prompt, state.at));
const nameOf = path => path.split("/").pop();
const promptName = number => number >= data.prompts.length ? "all" : data.prompts[number].name || `${number + 1}`;

const measures = [
  ...data.measures.map((measure, i) => ({...measure, of: cell => cell.mean[i], spread: cell => cell.spread[i]})),
  {name: "pass rate", help: "share of the judged texts that pass", of: cell => cell.judged ? cell.passed / cell.judged : null,
   spread: () => null, range: cell => cell.judged ? [cell.low, cell.high] : null},
  {name: "similarity", help: "how alike the texts of a cell are to each other, over seeds", of: cell => cell.similarity, spread: () => null},
  ...axes.map((axis, a) => ({name: `divergence ${axis.name}`, of: cell => cell.divergence[a], spread: () => null,
    help: `the token at which the text parts from that with the value of ${axis.name} before`})).filter((_, a) => a !== seedAxis),
].filter(measure => data.cells.some(cell => Number.isFinite(measure.of(cell))));

// ---- moving ----

function moveTo(model, prompt, at) {
  state.model = model;
  state.prompt = prompt;
  state.at = [...at];
  refresh();
}

function addSlider(form, name, help, values, get, set) {
  if (values.length < 2) return null;
  const label = make("label", undefined, {title: help}), output = make("output");
  const slider = make("input", undefined, {type: "range", min: 0, max: values.length - 1, step: 1, "aria-label": name, "data-axis": name});
  label.append(`${name} `, output, slider);
  form.append(label);
  slider.addEventListener("input", () => { set(+slider.value); refresh(); });
  return () => {
    slider.value = get();
    output.textContent = values[get()];
    slider.setAttribute("aria-valuetext", values[get()]);
  };
}

const updates = [
  addSlider(get("place"), "model", "checkpoint", data.models.map(nameOf), () => state.model, value => { state.model = value; }),
  addSlider(get("place"), "prompt", "prompt", data.prompts.map((_, i) => promptName(i)), () => state.prompt, value => { state.prompt = value; }),
  ...axes.map((axis, a) => addSlider(get("place"), axis.name, axis.help, axis.values.map(show), () => state.at[a], value => { state.at[a] = value; })),
].filter(update => update);

// ---- texts side by side ----

// For each token of b, whether a longest common subsequence with a lacks it.
function otherTokens(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  const n = a.length - start, m = b.length - start, other = b.map((_, i) => i >= start);
  if (n * m === 0 || n * m > 4e6) return other;
  const row = m + 1, length = new Uint16Array((n + 1) * row);
  for (let i = n - 1; i >= 0; i--)
    for (let j = m - 1; j >= 0; j--)
      length[i * row + j] = a[start + i] === b[start + j] ? length[(i + 1) * row + j + 1] + 1
        : Math.max(length[(i + 1) * row + j], length[i * row + j + 1]);
  for (let i = 0, j = 0; i < n && j < m;) {
    if (a[start + i] === b[start + j]) { other[start + j] = false; i++; j++; }
    else if (length[(i + 1) * row + j] >= length[i * row + j + 1]) i++;
    else j++;
  }
  return other;
}

function place(text) {
  const parts = axes.map((axis, a) => `${axis.name} ${show(axis.values[text.at[a]])}`);
  if (data.prompts.length > 1) parts.unshift(`prompt ${promptName(text.prompt)}`);
  if (data.models.length > 1) parts.unshift(nameOf(data.models[text.model]));
  return parts.join(" · ") || "the only setting";
}

function addCard(text, title) {
  const card = make("article", undefined, {class: text === current() ? "card here" : "card"});
  card.append(make("h3", title));
  get("cards").append(card);
  if (!text) {
    card.append(make("p", "There is no text here: this setting was not run."));
    return;
  }
  const reference = state.reference && state.reference !== text && get("differences").checked ? state.reference : null;
  const other = reference ? otherTokens(reference.record.ids, text.record.ids) : [];
  const body = make("div", undefined, {class: "text"});
  text.record.pieces.forEach((piece, i) => {
    const probability = Math.exp(text.record.logprobs[i]);
    const token = make("span", piece, {class: other[i] ? "token other" : "token", title:
      `token ${i + 1}, id ${text.record.ids[i]}: ${short(100 * probability)} %, entropy ${short(text.record.entropies[i])} nats`});
    if (get("colour").checked)
      token.style.background = `hsl(${120 * Math.sqrt(probability)} 80% 50% / ${0.38 * (1 - probability)})`;
    body.append(token);
  });
  const measured = text.record.measures, verdict = measured.passed;
  const figures = make("p", `${measured.tokens} tokens (${text.record.stop}) · perplexity ${short(measured.perplexity)}` +
    ` · distinct-2 ${short(measured.distinct_2)}` + (reference ? ` · parts at token ${apart(reference, text)}` : ""), {class: "figures"});
  if (verdict !== null)
    figures.append(" · ", make("span", verdict ? "passed" : "failed", {class: verdict ? "passed" : "failed"}));
  card.append(body, figures);
}

function apart(a, b) {
  const at = b.record.ids.findIndex((id, i) => id !== a.record.ids[i]);
  return at >= 0 ? at + 1 : b.record.ids.length === a.record.ids.length ? "–" : b.record.ids.length + 1;
}

function showCards() {
  get("cards").replaceChildren();
  const along = get("along").value;
  if (state.reference) addCard(state.reference, `compared with: ${place(state.reference)}`);
  if (along === "") {
    addCard(current(), current() ? place(current()) : "");
  } else {
    axes[along].values.forEach((value, i) => {
      const text = texts.get(textKey(state.model, state.prompt, state.at.map((at, a) => a === +along ? i : at)));
      if (text !== state.reference) addCard(text, `${axes[along].name} ${show(value)}`);
    });
  }
  get("legend").textContent = get("colour").checked ? "Tokens are red where the untouched model found them unlikely." : "";
}

// ---- the map ----

const chartPrompt = () => get("all").checked ? data.prompts.length : state.prompt;
const cellAt = at => cells.get(cellKey(state.model, chartPrompt(), at));
const chosen = () => measures[get("measure").value];

function showMap() {
  const x = get("map-x").value, y = get("map-y").value, measure = chosen(), table = get("map");
  table.replaceChildren();
  get("measure-help").textContent = measure.help;
  const columns = x === "" ? [null] : axes[x].values, rows = y === "" || y === x ? [null] : axes[y].values;
  const at = (row, column) => state.at.map((value, a) => String(a) === x ? column : String(a) === y && y !== x ? row : value);
  const values = rows.map((_, row) => columns.map((_, column) => {
    const cell = cellAt(at(row, column));
    return cell ? measure.of(cell) : null;
  }));
  const known = values.flat().filter(Number.isFinite), low = Math.min(...known), high = Math.max(...known);
  const head = make("tr"), body = make("tbody");
  head.append(make("th", [y !== "" && y !== x ? axes[y].name : "", x !== "" ? axes[x].name : ""].filter(name => name).join(" \\ ")));
  columns.forEach(value => head.append(make("th", value === null ? "" : show(value), {scope: "col"})));
  rows.forEach((value, row) => {
    const line = make("tr");
    line.append(make("th", value === null ? "" : show(value), {scope: "row"}));
    columns.forEach((_, column) => {
      const number = values[row][column], share = high > low ? (number - low) / (high - low) : 0.5;
      const button = make("button", short(number), {type: "button"}), box = make("td");
      if (Number.isFinite(number)) {
        button.style.background = `hsl(var(--hue) 75% 50% / ${0.08 + 0.62 * share})`;
        button.dataset.share = share;
      }
      const place = at(row, column);
      if (place.every((value, a) => value === state.at[a])) button.className = "here";
      button.addEventListener("click", () => {
        moveTo(state.model, state.prompt, place);
        const again = get("map").querySelectorAll("button")[row * columns.length + column];
        if (again) again.focus();
      });
      box.append(button);
      line.append(box);
    });
    body.append(line);
  });
  const top = make("thead");
  top.append(head);
  table.append(top, body);
}

// ---- lines ----

let chart = null;
const colours = ["#2f81f7", "#e5703a", "#2da44e", "#a371f7", "#d4a72c", "#e85aad", "#1b9aaa", "#8c959f"];

function showLines() {
  const x = get("line-x").value, by = get("line-by").value, measure = chosen(), box = get("lines");
  if (chart) chart.destroy();
  chart = null;
  box.replaceChildren();
  if (x === "") {
    box.append(make("p", "No axis has more than one value."));
    return;
  }
  const numeric = axes[x].values.every(value => typeof value === "number");
  const order = axes[x].values.map((value, i) => i).sort((a, b) => numeric ? axes[x].values[a] - axes[x].values[b] : a - b);
  const xs = order.map(i => numeric ? axes[x].values[i] : i);
  const lines = by === "" || by === x ? [null] : axes[by].values.slice(0, 24);
  const columns = [xs], series = [{label: axes[x].name}], bands = [];
  lines.forEach((value, line) => {
    const found = order.map(i => cellAt(state.at.map((at, a) => String(a) === x ? i : value !== null && String(a) === by ? line : at)));
    const mean = found.map(cell => cell && Number.isFinite(measure.of(cell)) ? measure.of(cell) : null);
    const bound = side => found.map((cell, i) => {
      if (mean[i] === null) return null;
      const range = measure.range && measure.range(cell);
      return range ? range[side] : mean[i] + (side ? 1 : -1) * (measure.spread(cell) || 0);
    });
    const colour = colours[line % colours.length], label = value === null ? measure.name : `${axes[by].name} ${show(value)}`;
    columns.push(mean, bound(1), bound(0));
    series.push({label, stroke: colour, width: 2, points: {show: true, size: 6}},
      {label: `${label} high`, stroke: "transparent", points: {show: false}}, {label: `${label} low`, stroke: "transparent", points: {show: false}});
    bands.push({series: [series.length - 2, series.length - 1], fill: colour + "33"});
  });
  const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--ink"), rule = style.getPropertyValue("--line");
  const axisStyle = {stroke: ink, grid: {stroke: rule, width: 1}, ticks: {stroke: rule, width: 1}};
  chart = new uPlot({
    width: Math.max(box.clientWidth, 240), height: 300, series, bands, legend: {show: lines.length > 1, live: false, isolate: true},
    scales: {x: {time: false, range: xs.length > 1 ? undefined : [xs[0] - 1, xs[0] + 1]}},
    axes: [{...axisStyle, label: axes[x].name, labelGap: 0, ...(numeric ? {} : {splits: () => xs, values: (_, at) => at.map(i => show(axes[x].values[i]))})},
      {...axisStyle, label: measure.name, size: 64}],
  }, columns, box);
  box.querySelectorAll(".u-series").forEach(row => { row.hidden = !series.some(line => line.width && line.label === row.textContent.trim()); });
}

// ---- the list ----

function wanted() {
  let search = null;
  try { search = new RegExp(get("search").value, "u"); get("search").setCustomValidity(""); }
  catch (error) { get("search").setCustomValidity(error.message); }
  const bound = get("bound").value, low = parseFloat(get("low").value), high = parseFloat(get("high").value), passed = get("passed").value;
  return data.texts.filter(({record}) => (!search || search.test(record.text)) &&
    (passed === "" || record.measures.passed === +passed) &&
    !(record.measures[bound] < low) && !(record.measures[bound] > high) &&
    (Number.isNaN(low) && Number.isNaN(high) || Number.isFinite(record.measures[bound])));
}

const shown = ["tokens", "perplexity", "entropy", "distinct_2", "repetition", "passed"].filter(name => data.texts.some(text => Number.isFinite(text.record.measures[name])));
const columns = [
  ...(data.models.length > 1 ? [{name: "model", of: text => nameOf(data.models[text.model])}] : []),
  ...(data.prompts.length > 1 ? [{name: "prompt", of: text => promptName(text.prompt)}] : []),
  ...axes.map((axis, a) => ({name: axis.name, of: text => axis.values[text.at[a]]})),
  ...shown.map(name => ({name, of: text => text.record.measures[name]})),
];
const MOST_ROWS = 500;

function showList() {
  const table = get("list"), head = make("tr"), body = make("tbody"), found = wanted();
  table.replaceChildren();
  if (state.sort !== null) {
    const of = columns[state.sort].of, sign = state.down ? -1 : 1;
    found.sort((a, b) => { const x = of(a), y = of(b); return sign * (x < y ? -1 : x > y ? 1 : 0); });
  }
  columns.forEach((column, i) => {
    const cell = make("th", undefined, {scope: "col"}), button = make("button", column.name + (state.sort === i ? state.down ? " ▼" : " ▲" : ""), {type: "button"});
    button.addEventListener("click", () => { state.down = state.sort === i && !state.down; state.sort = i; showList(); });
    cell.append(button);
    head.append(cell);
  });
  head.append(make("th", "text", {scope: "col", class: "words"}));
  found.slice(0, MOST_ROWS).forEach(text => {
    const row = make("tr", undefined, {tabindex: 0, class: text === current() ? "here" : ""});
    columns.forEach(column => {
      const value = column.of(text);
      row.append(make("td", typeof value === "number" ? short(value) : value === null ? "–" : show(value)));
    });
    row.append(make("td", text.record.text.slice(0, 160), {class: "words"}));
    const go = () => moveTo(text.model, text.prompt, text.at);
    row.addEventListener("click", go);
    row.addEventListener("keydown", event => { if (event.key === "Enter") go(); });
    body.append(row);
  });
  const top = make("thead");
  top.append(head);
  table.append(top, body);
  get("found").textContent = `${found.length} of ${data.texts.length} texts` + (found.length > MOST_ROWS ? `; the first ${MOST_ROWS} are shown` : "");
}

// ---- all ----

function showRecord() {
  const text = current();
  if (!text) { get("record").textContent = ""; return; }
  const {firn, constraint} = data, common = data.inputs[text.model * data.prompts.length + text.prompt];
  const params = {...data.params};
  axes.forEach((axis, a) => { params[axis.name] = axis.values[text.at[a]]; });
  get("record").textContent = JSON.stringify({firn, constraint, ...common, params, sequence: 0, ...text.record});
}

function refresh() {
  updates.forEach(update => update());
  showCards();
  showMap();
  showLines();
  showList();
  showRecord();
}

function fillSelect(id, names, chosen) {
  names.forEach(([value, name]) => get(id).append(make("option", name, {value})));
  get(id).value = chosen;
}

const many = axes.map((axis, a) => [String(a), axis.name]).filter(([a]) => axes[a].values.length > 1);
const crossed = many.filter(([a]) => +a !== seedAxis);
const first = crossed.length > 0 ? crossed[0][0] : "", second = crossed.length > 1 ? crossed[1][0] : "";
fillSelect("along", [["", "this text only"], ...many.map(([a, name]) => [a, `along ${name}`])], first);
fillSelect("measure", measures.map((measure, i) => [String(i), measure.name]), String(Math.max(0, measures.findIndex(measure => measure.name === "perplexity"))));
fillSelect("map-x", [["", "–"], ...crossed], first);
fillSelect("map-y", [["", "–"], ...crossed], second);
fillSelect("line-x", crossed.length > 0 ? crossed : [["", "–"]], first);
fillSelect("line-by", [["", "one line"], ...crossed], second);
fillSelect("bound", data.measures.map(measure => [measure.name, measure.name]), "perplexity");
get("all-label").hidden = data.prompts.length < 2;
get("passed-label").hidden = !data.texts.some(text => text.record.measures.passed !== null);
get("about").textContent = `${data.texts.length} of ${data.n_texts} texts, ${data.models.map(nameOf).join(", ")}, firn ${data.firn}, ${data.date}`;
get("mark").addEventListener("click", () => { state.reference = state.reference === current() ? null : current() || null; refresh(); });
for (const id of ["along", "colour", "differences"]) get(id).addEventListener("change", showCards);
for (const id of ["measure", "all"]) get(id).addEventListener("change", () => { showMap(); showLines(); });
for (const id of ["map-x", "map-y"]) get(id).addEventListener("change", showMap);
for (const id of ["line-x", "line-by"]) get(id).addEventListener("change", showLines);
for (const id of ["search", "passed", "bound", "low", "high"]) get(id).addEventListener("input", showList);
get("place").addEventListener("submit", event => event.preventDefault());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showLines);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; showLines(); } });
if (!current() && data.texts.length > 0) state.at = [...data.texts[0].at], state.prompt = data.texts[0].prompt, state.model = data.texts[0].model;
refresh();
})();
