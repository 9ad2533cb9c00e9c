"use strict";
(() => {
const D = JSON.parse(document.getElementById("run").textContent);
const REAL = D.real, SELF = D.self_stitch; // names of the real grid and of the self-stitch
const W = D.words, PLAIN = ["score", "penalty", "normalised", "kept"];
const state = { stitch: D.main, seed: "all", measure: "score", at: null, held: false };
const nC = D.receivers.length, detail = document.getElementById("detail"), stage = document.querySelector(".stage");
const SVG = "http://www.w3.org/2000/svg";

// Everything that comes from the run goes in as text, never as markup.
function make(tag, attributes, ...children) {
  const svg = ["svg", "path", "circle", "line", "rect", "g", "text:svg", "title:svg"].includes(tag);
  const element = svg ? document.createElementNS(SVG, tag.split(":")[0]) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}
const known = v => v !== null && v !== undefined;
const said = (v, d = 2) => !known(v) ? "–" : Math.abs(v) >= 1000 ? Math.round(v).toLocaleString() : v !== 0 && Math.abs(v) < 0.001 ? v.toExponential(1) : Number(v.toFixed(Math.abs(v) < 0.1 ? 3 : d)).toString();
// Wilson's 95 % interval of a share of the held-out examples.
function wilson(p) {
  const z = 1.96, n = D.n, middle = (p + z * z / (2 * n)) / (1 + z * z / n), half = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  return [middle - half, middle + half];
}
const fixed = v => known(v) ? v.toFixed(3) : "–";
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const mean = values => { const some = values.filter(known); return some.length ? some.reduce((a, b) => a + b, 0) / some.length : null; };
const failedAt = (control, index, stitch) => seeds().some(seed => { const cells = grid(control, stitch, seed); return cells && cells.state[index] === "failed"; });
const seeds = () => state.seed === "all" ? D.seeds : [state.seed];
const grid = (control, stitch, seed) => D.grids[`${control}|${stitch}|${seed}`];
// The verdict on a cell of the pair, its values by name.
function verdictAt(index, stitch = state.stitch) {
  const row = (D.verdicts[`${stitch}|${state.seed}`] || [])[index];
  return row ? Object.fromEntries(D.verdict_fields.map((field, k) => [field, row[k]])) : null;
}
const percent = share => `${Math.round(100 * share) + 0}${W.percent}`; // no-break spaces: a number stays on one line
const between = (low, high) => known(low) && known(high) ? fill(W.between, { low: Math.round(100 * low) + 0, high: Math.round(100 * high) + 0 }) : "";
const paletteOf = measure => measure === "kept" ? D.kept_palette : D.palette;
const shadeOf = (share, palette) => palette[Math.round(Math.min(1, Math.max(0, share)) * (palette.length - 1))];
const first = v => Array.isArray(v) ? v[0] : v;

// A value, or a value with the ends of its interval (which the page holds as half of its width where it is symmetric).
function measuredAt(control, stitch, seed, key, index) {
  const at = D.measures.findIndex(each => each.key === key), grid = D.evidence[`${control}|${stitch}|${seed}`];
  const value = grid && grid[at] ? grid[at][index] : null;
  return !known(value) ? null : Array.isArray(value) && value.length === 2 ? [value[0], value[0] - value[1], value[0] + value[1]] : value;
}
// The seeds whose evidence this page holds; very large runs have the rest in evidence.csv.
const held = (control, stitch) => seeds().filter(seed => D.evidence[`${control}|${stitch}|${seed}`]);
function valueOf(control, index, measure, stitch = state.stitch) {
  if ((measure === "score" || measure === "penalty") && failedAt(control, index, stitch)) return null;
  const some = PLAIN.includes(measure) ? seeds() : held(control, stitch);
  return mean(some.map(seed => {
    if (measure === "kept") return (D.kept[`${control}|${stitch}|${seed}`] || [])[index];
    if (measure === "normalised") return control === REAL ? (D.normalised[`${stitch}|${seed}`] || [])[index] : null;
    const cells = grid(control, stitch, seed);
    if (measure === "score" || measure === "penalty") {
      const score = cells && cells.score[index], whole = D.baselines[control][1];
      return !known(score) ? null : measure === "score" ? score : known(whole) ? whole - score : null;
    }
    return first(measuredAt(control, stitch, seed, measure, index));
  }));
}
function unsettled(control, index, stitch = state.stitch) {
  return seeds().some(seed => { const cells = grid(control, stitch, seed); return cells && cells.state[index] === "no"; });
}
function ink(colour) {
  const [r, g, b] = [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16) / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? "black" : "white";
}
function paint(square, text, colour, letter, label, second = "") {
  square.querySelector("rect").style.fill = colour;
  if (second && !square.querySelector(".second")) square.append(make("text:svg", { class: "second" }));
  square.classList.toggle("two", Boolean(second));
  square.querySelectorAll("text").forEach((words, k) => { words.textContent = k ? second : text; words.style.fill = letter; });
  square.setAttribute("aria-label", label);
}
// A cell of the map of verdicts: mark and kept above, score and the mark of "not learnt" below.
function paintVerdict(square, index, place, cell) {
  const verdict = verdictAt(index), score = valueOf(REAL, index, "score"), number = known(score) ? score.toFixed(2) : "–";
  if (!verdict) {
    paint(square, "–", "var(--none)", "var(--ink)", place + W.no_value, number);
    cell.textContent = `– · ${number}`;
    return;
  }
  const [mark, word] = D.looks[verdict.name], [sign, learnt] = D.learnt[verdict.learnt];
  const text = mark + (known(verdict.kept) ? ` ${percent(verdict.kept)}` : ""), second = number + (sign ? ` ${sign}` : "");
  const told = verdict.name !== D.unknown && known(verdict.kept), colour = told ? shadeOf(verdict.kept, D.kept_palette) : "var(--none)";
  const parts = [word, ...(known(verdict.kept) ? [`${W.kept}${W.colon}${percent(verdict.kept)}`] : []), ...(verdict.learnt === D.not_asked ? [] : [learnt]), `${W.score}${W.colon}${number}`];
  paint(square, text, colour, told ? ink(colour) : "var(--ink)", place + parts.join(W.comma), second);
  cell.textContent = `${text} · ${second}`;
}
function scale() {
  if (state.measure === "score") return [0, 1];
  const all = [];
  for (const control of D.controls) for (let i = 0; i < D.rows[control].length * nC; i++) all.push(valueOf(control, i, state.measure));
  const some = all.filter(known);
  if (!some.length) return [0, 1];
  const low = Math.min(...some), high = Math.max(...some);
  return low >= 0 && high <= 1 ? [0, 1] : [low, high === low ? low + 1 : high];
}
function redraw() {
  const [low, high] = scale();
  for (const figure of document.querySelectorAll("figure.map")) {
    const name = figure.dataset.map, cells = figure.querySelectorAll("tbody td");
    if (name !== "verdict") figure.querySelector(".shown").textContent = state.measure === "score" && D.words_of_controls[`${name}|${state.stitch}`] ? fill(W.score_and_kept, { score: W.score }) : measureName(state.measure);
    for (const square of figure.querySelectorAll("g")) {
      const index = +square.dataset.index, i = Math.floor(index / nC), j = index % nC;
      const place = `${D.rows[name === "verdict" ? REAL : name][i]} → ${D.receivers[j]}${W.colon}`;
      if (name === "verdict") { paintVerdict(square, index, place, cells[index]); continue; }
      const value = valueOf(name, index, state.measure);
      if (!known(value)) { paint(square, "–", "var(--none)", "var(--ink)", place + W.no_value); cells[index].textContent = "–"; continue; }
      const colour = shadeOf((value - low) / (high - low), paletteOf(state.measure));
      const moved = PLAIN.includes(state.measure) && unsettled(name, index);
      const number = state.measure === "score" ? value.toFixed(2) : said(value), text = number + (moved ? "?" : "");
      // The score of a control has below it what comes across, over all seeds; the pair has the map of verdicts.
      const word = state.measure === "score" ? (D.words_of_controls[`${name}|${state.stitch}`] || [])[index] : null, keeps = valueOf(name, index, "kept");
      const second = known(word) ? D.looks[word][0] + (known(keeps) ? ` ${percent(keeps)}` : "") : "";
      const told = [measureName(state.measure) + W.colon + number, ...(moved ? [W.not_converged] : []), ...(second ? [D.looks[word][1] + (known(keeps) ? ` ${percent(keeps)}` : "")] : [])];
      paint(square, text, colour, ink(colour), place + told.join(W.comma), second);
      cells[index].textContent = second ? `${text} · ${second}` : text;
    }
  }
  const legend = document.getElementById("legend");
  legend.replaceChildren(measureName(state.measure) + W.colon, make("i", { style: `background:linear-gradient(to right,${paletteOf(state.measure).join()})` }), fill(W.legend, { low: said(low), high: said(high) }));
  legend.hidden = false;
  drawScatter();
  if (state.at) show(state.at);
}
let drawScatter = () => {};
const measureName = measure => W[measure] || measure;

function chooser(label, options, chosen, change, more) {
  const select = make("select", { "aria-label": label, ...more });
  for (const [value, text, group] of options) {
    let parent = select;
    if (group) parent = [...select.children].find(each => each.label === group) || select.appendChild(make("optgroup", { label: group }));
    parent.append(make("option", { value }, text));
  }
  select.value = chosen;
  select.addEventListener("change", () => { change(select.value); redraw(); });
  return make("label", {}, label, select);
}
function switches() {
  const form = document.getElementById("switches");
  form.addEventListener("submit", event => event.preventDefault());
  const measures = PLAIN.filter(each => each !== "kept" || Object.keys(D.kept).length).filter(each => each !== "normalised" || Object.keys(D.normalised).length).map(each => [each, W[each]]);
  for (const each of D.measures) measures.push([each.key, each.key.split(".")[1], `${W.evidence}${W.colon}${each.kind}`]);
  form.append(chooser(W.show, measures, state.measure, value => { state.measure = value; }));
  // A stitch is a family and what it was fitted to; where a run has not every pair of them, the nearest is shown.
  [W.stitch, W.objective].forEach((label, part) => {
    const all = [...new Set(D.stitches.map(each => D.fitted[each][part]))];
    if (all.length > 1) form.append(chooser(label, all.map(each => [each, D.objective_words[each] || each]), D.fitted[state.stitch][part], value => {
      const other = D.fitted[state.stitch][1 - part], fits = D.stitches.filter(each => D.fitted[each][part] === value);
      state.stitch = fits.find(each => D.fitted[each][1 - part] === other) || fits[0];
      form.querySelectorAll("select[data-part]").forEach(each => { each.value = D.fitted[state.stitch][+each.dataset.part]; });
    }, { "data-part": part }));
  });
  if (D.seeds.length > 1) form.append(chooser(W.seed, [["all", W.all_seeds], ...D.seeds.map(each => [String(each), String(each)])], "all", value => { state.seed = value === "all" ? "all" : +value; }));
  const others = D.controls.filter(each => each !== REAL);
  if (others.length > 1) {
    const set = make("fieldset", {}, make("legend", {}, W.controls));
    for (const control of others) {
      const box = make("input", { type: "checkbox", name: control });
      box.checked = true;
      box.addEventListener("change", () => { document.querySelector(`figure.map[data-map="${control}"]`).hidden = !box.checked; });
      set.append(make("label", {}, box, D.titles[control]));
    }
    form.append(set);
  }
  form.hidden = false;
}

function table(head, rows) {
  const body = make("tbody", {});
  for (const row of rows) body.append(make("tr", {}, ...row.map((value, k) => make(k ? "td" : "th", k ? {} : { scope: "row" }, value))));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head.map(each => make("th", { scope: "col" }, each)))), body);
}
// A small line chart; x in shares of the width, y from 0 to 1.
function chart(lines, names, title) {
  const w = 340, h = 120, left = 28, bottom = 104, top = 8, wide = w - left - 8;
  const colours = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
  const picture = make("svg", { viewBox: `0 0 ${w} ${h + 14 * lines.length}`, role: "img", "aria-label": title });
  picture.append(make("path", { class: "axis", d: `M${left} ${top}V${bottom}H${w - 8}` }));
  for (const y of [0, 0.5, 1]) picture.append(make("text:svg", { class: "name", x: left - 4, y: bottom - y * (bottom - top) + 4, "text-anchor": "end" }, String(y)));
  lines.forEach(([name, points], k) => {
    const shown = points.filter(p => known(p[1])).map(([x, y]) => [left + 6 + x * (wide - 12), bottom - Math.min(1, Math.max(0, y)) * (bottom - top)]);
    if (shown.length > 1) picture.append(make("path", { d: "M" + shown.map(p => p.map(v => v.toFixed(1)).join(" ")).join("L"), fill: "none", stroke: colours[k % 6], "stroke-width": 2, "stroke-dasharray": k % 2 ? "5 3" : "none" }));
    for (const [x, y] of shown) picture.append(make("circle", { cx: x, cy: y, r: 3, style: `fill:${colours[k % 6]};fill-opacity:1` }));
    picture.append(make("path", { d: `M${left} ${h + 14 * k + 4}h22`, stroke: colours[k % 6], "stroke-width": 2, "stroke-dasharray": k % 2 ? "5 3" : "none" }), make("text:svg", { x: left + 28, y: h + 14 * k + 8, class: "name" }, name));
  });
  return make("div", {}, picture, make("details", {}, make("summary", {}, W.value), table(["", ...names], lines.map(([name, points]) => [name, ...names.map((_, k) => said((points[k] || [])[1]))]))));
}
// Where the interval of what is kept lies between the two lines of the rule.
function bar(low, value, high) {
  const x = v => 10 + 320 * Math.min(1.1, Math.max(-0.1, v) + 0.1) / 1.2;
  const picture = make("svg", { viewBox: "0 0 340 40", class: "bar", role: "img", "aria-label": `${said(value)} (${said(low)} – ${said(high)})` });
  picture.append(make("path", { class: "axis", d: `M10 16H330` }));
  for (const [at, text] of [[D.thresholds.kept_low, `${100 * D.thresholds.kept_low}${W.percent}`], [D.thresholds.kept_high, `${100 * D.thresholds.kept_high}${W.percent}`]])
    picture.append(make("path", { d: `M${x(at)} 6V26`, stroke: "currentColor", "stroke-dasharray": "3 2" }), make("text:svg", { class: "name", x: x(at), y: 38, "text-anchor": "middle" }, text));
  picture.append(make("path", { d: `M${x(low)} 16H${x(high)}`, stroke: "#0072b2", "stroke-width": 6, "stroke-linecap": "round" }), make("circle", { cx: x(value), cy: 16, r: 5 }));
  return picture;
}

// What is known of one cell: that of the pair, or, of the receiver into itself, its own.
function show(at) {
  state.at = at;
  const [control, i, j] = at, index = i * nC + j, sender = D.rows[control][i], receiver = D.receivers[j], pair = control === REAL;
  const parts = [make("h3", {}, `${sender} → ${receiver}`)];
  if (!pair) parts.push(make("p", {}, D.titles[control]));
  if (state.held) parts.push(make("p", { class: "note" }, W.held));
  const verdict = pair ? verdictAt(index) : null;
  if (verdict) parts.push(...answers(verdict));
  // Beside a cell of the pair stand the cells of the controls with the same sender cut, and the self-stitch of the receiver's own cut.
  const places = pair
    ? D.controls.map(each => [each, D.rows[each].indexOf(each === SELF ? receiver : sender)]).filter(each => each[1] >= 0).map(([each, row]) => [each, row * nC + j])
    : [[control, index]];
  const keeps = places.some(([each, k]) => known(valueOf(each, k, "kept"))); // without evidence nothing is known of it
  parts.push(table([W.grid, W.score, seeds().length > 1 ? W.by_seed : W.interval, ...(keeps ? [W.kept_short] : [])], places.map(([each, k]) => {
    const value = valueOf(each, k, "score");
    const interval = seeds().length > 1 ? seeds().map(seed => fixed((grid(each, state.stitch, seed) || { score: [] }).score[k])).join(" · ") : known(value) ? wilson(value).map(fixed).join(" – ") : "–";
    return [each === REAL ? W.own : D.titles[each], fixed(value) + (unsettled(each, k) ? "?" : "") + (failedAt(each, k, state.stitch) ? ` ${W.failed}` : ""), interval, ...(keeps ? [known(valueOf(each, k, "kept")) ? percent(valueOf(each, k, "kept")) : "–"] : [])];
  })));
  const real = seeds().map(seed => grid(REAL, state.stitch, seed)).filter(cells => cells && known(cells.parameters[index]));
  if (pair && real.length) {
    // One value for each seed, one alone where all agree.
    const each = of => [...new Set(real.map(of))].length === 1 ? of(real[0]) : real.map(of).join(" · ");
    const rows = [[W.penalty, said(valueOf(REAL, index, "penalty"), 3)]];
    if (known(valueOf(REAL, index, "normalised"))) rows.push([W.normalised, said(valueOf(REAL, index, "normalised"))]);
    rows.push([W.fit, each(cells => cells.state[index] === "failed" ? `${W.failed}${W.colon}${(cells.failure || [])[index]}` : W[`converged_${cells.state[index]}`])]);
    if (real.some(cells => known(cells.gain[index]))) rows.push([W.gain, each(cells => `${said(cells.gain[index], 3)} (${W.noise} ${said(cells.noise[index], 3)})`)]);
    rows.push([W.objective, each(cells => D.objective_words[cells.objective[index]] || cells.objective[index])], [W.steps, each(cells => String(cells.steps[index]))], [W.start, each(cells => W[`start_${cells.start[index]}`] || cells.start[index])], [W.bridge, each(cells => cells.bridge[index])], [W.parameters, real[0].parameters[index].toLocaleString()], [W.seconds, each(cells => said(cells.seconds[index]))]);
    parts.push(make("h4", {}, W.fit), table(["", ""], rows));
  }
  parts.push(...along(j, places), ...curve(places), ...measured(places));
  if (pair) parts.push(...recipe(sender, receiver));
  detail.replaceChildren(...parts.filter(Boolean));
  document.getElementById("status").textContent = `${sender} → ${receiver}${verdict ? W.comma + D.looks[verdict.name][1] : ""}${W.comma}${W.score}${W.colon}${fixed(valueOf(control, index, "score"))}`;
  detail.hidden = false;
  stage.classList.add("open");
}
// Both answers to a cell: what comes across, and was it learnt, each with its interval and how sure it is.
function answers(verdict) {
  const sure = level => `${W.comma}${W.confidence}${W.colon}${D.confidence[level]}`;
  const [mark, word] = D.looks[verdict.name], [sign, learnt] = D.learnt[verdict.learnt], parts = [];
  parts.push(make("h4", {}, W.across), make("p", {}, make("span", { class: "mark", "aria-hidden": "true" }, mark), make("b", {}, word), sure(verdict.confidence)), verdict.reason && make("p", {}, fill(W.sentence, { text: verdict.reason })));
  if (known(verdict.kept)) {
    const rows = [[W.kept, percent(verdict.kept) + between(verdict.low, verdict.high)]];
    if (known(verdict.where)) rows.push([W.least_at, D.receivers[verdict.where] || W.output]);
    if (known(verdict.head)) rows.push([W.head, percent(verdict.head) + between(verdict.head_low, verdict.head_high)]);
    if (known(verdict.recovered)) rows.push([W.recovered, [verdict.recovered, verdict.own, verdict.label].map(each => known(each) ? (Math.round(100 * each) / 100 + 0).toFixed(2) : "–").join(" / ")]);
    if (known(verdict.share)) rows.push([W.share, percent(verdict.share)]);
    if (known(verdict.p)) rows.push([W.p_label, said(verdict.p)]);
    parts.push(bar(verdict.low, verdict.kept, verdict.high), make("p", { class: "note" }, fill(W.lines, { low: 100 * D.thresholds.kept_low, high: 100 * D.thresholds.kept_high })), table(["", ""], rows), make("p", { class: "note" }, W.intervals));
  }
  if (verdict.learnt === D.not_asked) return parts;
  parts.push(make("h4", {}, W.was_learnt), make("p", {}, sign && make("span", { class: "mark", "aria-hidden": "true" }, sign), make("b", {}, learnt), sure(verdict.learnt_confidence)));
  const draws = (verdict.untrained || []).map(percent);
  parts.push(table(["", ""], [[W.lead, `${Math.round(100 * verdict.lead) + 0}${between(verdict.lead_low, verdict.lead_high)}`], ...(draws.length ? [[W.draws, draws.join(" · ")], [W.best_draw, percent(Math.max(...verdict.untrained))]] : []), ...(D.untrained ? [[W.control, D.untrained]] : [])]), make("p", { class: "note" }, fill(W.learnt_line, { line: 100 * D.thresholds.learnt })));
  return parts;
}
function along(start, places) {
  const later = [...D.receivers.slice(start), W.output], lines = [];
  for (const [control, k] of places) {
    const rows = seeds().map(seed => (D.along[`${control}|${state.stitch}|${seed}`] || [])[k]).filter(known);
    if (rows.length && rows[0].some(known)) lines.push([control === REAL ? W.own : D.titles[control], later.map((_, n) => [n / (later.length - 1), mean(rows.map(row => row[n]))])]);
  }
  return lines.length ? [make("h4", {}, W.along), chart(lines, later, W.along)] : [];
}
function curve(places) {
  const alike = D.stitches.filter(each => D.fitted[each][1] === D.fitted[state.stitch][1]);
  if (alike.length < 3) return [];
  const lines = places.map(([control, k]) => [control === REAL ? W.own : D.titles[control], alike.map(stitch => {
    const cells = D.seeds.map(seed => grid(control, stitch, seed)).find(each => each && known(each.parameters[k]));
    return cells ? [Math.log10(Math.max(0.5, cells.parameters[k])), valueOf(control, k, "score", stitch)] : null;
  }).filter(Boolean).sort((a, b) => a[0] - b[0])]).filter(each => each[1].length);
  const all = lines.flatMap(each => each[1].map(p => p[0])), low = Math.min(...all), wide = Math.max(...all) - low || 1;
  const sizes = (lines[0] || ["", []])[1].map(p => Math.round(10 ** p[0]).toLocaleString());
  return lines.length ? [make("h4", {}, W.curve), chart(lines.map(([name, points]) => [name, points.map(([x, y]) => [(x - low) / wide, y])]), sizes, W.curve)] : [];
}
function measured(places) {
  const rows = [], shown = places.filter(([control]) => held(control, state.stitch).length);
  for (const each of D.measures) {
    const texts = shown.map(([control, k]) => {
      const some = held(control, state.stitch), value = measuredAt(control, state.stitch, some[0], each.key, k);
      return some.length === 1 && Array.isArray(value) ? `${said(value[0])} (${said(value[1])}–${said(value[2])})` : said(valueOf(control, k, each.key));
    });
    if (!texts.length || texts.every(text => text === "–")) continue;
    if (!rows.length || rows[rows.length - 1].kind !== each.kind) rows.push(Object.assign([make("b", {}, each.kind)], { kind: each.kind }));
    const better = each.better === "higher" ? "↑" : each.better === "lower" ? "↓" : "";
    const name = make("span", { title: `${each.text}; ${each.range}` }, `${each.key.slice(each.kind.length + 1)} `, better && make("span", { class: "note", role: "img", "aria-label": W[each.better] }, better));
    rows.push(Object.assign([name, ...texts], { kind: each.kind }));
  }
  return rows.length ? [make("h4", {}, W.evidence), make("p", { class: "note" }, `↑ ${W.higher}${W.comma}↓ ${W.lower}`), make("div", { class: "scroll measures" }, table([W.measure, ...shown.map(([control]) => control === REAL ? W.own : D.short[control])], rows))] : [];
}
// Names of cuts are anyone's text: quoted for the shell and for Python, each in its own way.
const forShell = text => /^[\w.@%+=:,/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
function recipe(sender, receiver) {
  if (!D.recipes) return [];
  const [shell, python] = D.stitch_words[state.stitch] || [state.stitch, state.stitch], seed = state.seed === "all" ? D.seeds[0] : state.seed;
  const values = { sender_cut: forShell(sender), receiver_cut: forShell(receiver), sender_text: JSON.stringify(sender), receiver_text: JSON.stringify(receiver), shell, python, seed };
  return [make("h4", {}, W.get), ...D.recipes.map(text => make("pre", {}, text.replace(/\{(\w+)\}/g, (whole, name) => name in values ? values[name] : whole)))];
}

function maps() {
  for (const picture of document.querySelectorAll("figure.map svg")) {
    const squares = [...picture.querySelectorAll("g")], own = picture.closest("figure").dataset.map;
    picture.setAttribute("role", "group");
    squares.forEach((square, k) => {
      square.setAttribute("role", "button");
      square.setAttribute("aria-pressed", "false");
      square.dataset.index = k;
      square.tabIndex = k ? -1 : 0;
    });
    // A cell of a control is shown as the cell of the pair that it stands beside; the receiver into itself has its own.
    const place = square => {
      const k = +square.dataset.index, control = own === "verdict" ? REAL : own, i = Math.floor(k / nC);
      const beside = D.rows[REAL] && control !== SELF ? D.rows[REAL].indexOf(D.rows[control][i]) : -1;
      return beside < 0 ? [control, i, k % nC] : [REAL, beside, k % nC];
    };
    const look = square => { if (!state.held) show(place(square)); };
    const hold = square => {
      document.querySelectorAll(".held").forEach(each => { each.classList.remove("held"); each.setAttribute("aria-pressed", "false"); });
      square.classList.add("held");
      square.setAttribute("aria-pressed", "true");
      state.held = true;
      show(place(square));
    };
    squares.forEach((square, k) => {
      square.addEventListener("mouseenter", () => look(square));
      square.addEventListener("focus", () => { squares.forEach(each => { each.tabIndex = -1; }); square.tabIndex = 0; look(square); });
      square.addEventListener("click", () => { hold(square); if (matchMedia("(max-width:999px)").matches) detail.scrollIntoView({ behavior: "smooth" }); });
      square.addEventListener("keydown", event => {
        const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: nC, ArrowUp: -nC, Home: -k, End: squares.length - 1 - k }[event.key];
        if (step !== undefined) {
          const next = squares[k + step], sideways = Math.abs(step) === 1 && event.key !== "Home" && event.key !== "End";
          event.preventDefault();
          if (!next || (sideways && Math.floor(k / nC) !== Math.floor((k + step) / nC))) return;
          release();
          next.focus();
        } else if (event.key === "Enter" || event.key === " ") { event.preventDefault(); hold(square); }
      });
    });
  }
  document.addEventListener("keydown", event => { if (event.key === "Escape") release(); });
}
function release() {
  document.querySelectorAll(".held").forEach(each => { each.classList.remove("held"); each.setAttribute("aria-pressed", "false"); });
  if (!state.held) return;
  state.held = false;
  if (state.at) show(state.at);
}

function scatter() {
  const box = document.getElementById("scatter");
  if (!box) return;
  const names = box.dataset.measures.split("|"), picture = box.querySelector("svg");
  if (names.length < 2) return;
  let measure = names[0];
  drawScatter = () => {
    const points = [];
    for (let k = 0; k < D.rows[REAL].length * nC; k++) {
      const x = valueOf(REAL, k, measure), y = valueOf(REAL, k, "score");
      if (known(x) && known(y)) points.push([x, y, `${D.rows[REAL][Math.floor(k / nC)]} → ${D.receivers[k % nC]}${W.colon}${said(x)}${W.comma}${said(y)}`]);
    }
    if (!points.length) return;
    const xs = points.map(p => p[0]), low = Math.min(0, ...xs), high = Math.max(1, ...xs);
    picture.querySelectorAll("circle,.name").forEach(each => each.remove());
    for (const share of [0, 0.5, 1]) picture.append(make("text:svg", { class: "name", x: 50 + 350 * share, y: 276, "text-anchor": "middle" }, said(low + share * (high - low))), make("text:svg", { class: "name", x: 44, y: 264 - 240 * share, "text-anchor": "end" }, String(share)));
    picture.append(make("text:svg", { class: "name", x: 230, y: 294, "text-anchor": "middle" }, measure));
    for (const [x, y, title] of points) picture.append(make("circle", { cx: 50 + 350 * (x - low) / (high - low), cy: 260 - 240 * y, r: 5 }, make("title:svg", {}, title)));
  };
  box.prepend(chooser(W.measure, names.map(each => [each, each]), measure, value => { measure = value; }));
}

switches();
maps();
scatter();
redraw();
detail.replaceChildren(make("p", { class: "note" }, W.choose));
detail.hidden = false;
// The cell that the first screen speaks of is shown until another one is chosen.
if (D.recommended && D.rows[REAL]) {
  const [i, j] = [D.rows[REAL].indexOf(D.recommended[0]), D.receivers.indexOf(D.recommended[1])];
  if (i >= 0 && j >= 0) {
    show([REAL, i, j]);
    document.querySelectorAll(`figure.map[data-map=verdict] g[data-index="${i * nC + j}"]`).forEach(each => each.classList.add("first-cell"));
  }
}
stage.classList.add("open");
addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach(each => { each.dataset.was = each.open; each.open = true; }));
addEventListener("afterprint", () => document.querySelectorAll("main details").forEach(each => { each.open = each.dataset.was === "true"; }));
})();
