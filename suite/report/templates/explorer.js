"use strict";
// The explorer: every network of the space in typed arrays, filtered anew at each move of a limit.
(async () => {
  const byId = (id) => document.getElementById(id);
  const facts = JSON.parse(byId("explorer-facts").textContent);
  const columns = await unpacked(byId("explorer-columns").textContent, facts.columns);
  const texts = new TextDecoder().decode(columns.texts).split("\n");
  const accuracy = columns.accuracy;
  const prices = facts.prices.map((price) => ({ ...price, values: columns[price.name] }));
  const log = Math.log10, steps = 400;  // of a slider
  const width = 110, height = 70;  // of the cloud, in cells
  let worst = Infinity, top = -Infinity;
  for (const value of accuracy) { worst = Math.min(worst, value); top = Math.max(top, value); }
  const tall = top - worst || 1;
  for (const price of prices) {
    price.order = Uint32Array.from(texts.keys()).sort((a, b) => price.values[a] - price.values[b] || accuracy[b] - accuracy[a]);
    price.most = Infinity;
    price.low = log(price.values[price.order[0]]);
    price.wide = log(price.values[price.order[texts.length - 1]]) - price.low || 1;
  }
  const dropped = facts.genes.map(() => new Set());
  let across = prices[prices.length - 1], shown = new Uint8Array(texts.length), best = -1, picked = -1;

  for (const price of prices) {
    const row = document.createElement("div"), label = document.createElement("label");
    const most = Object.assign(document.createElement("input"), { type: "number", min: 0, step: "any", placeholder: "any" });
    const range = Object.assign(document.createElement("input"), { type: "range", min: 0, max: steps, value: steps });
    most.id = `most-${price.name}`;
    range.id = `limit-${price.name}`;
    range.setAttribute("aria-label", `${price.limit}, at most`);
    const last = texts.length - 1;
    range.addEventListener("input", () => {
      // A step is a share of the networks, so that a slider moves as many at every place.
      const place = Math.floor((Number(range.value) / steps) * last);
      price.most = Number(range.value) === steps ? Infinity : price.values[price.order[place]];
      most.value = price.most === Infinity ? "" : Number(price.most.toPrecision(price.name === "latency_ms" ? 3 : 15));
      update();
    });
    most.addEventListener("input", () => {
      price.most = Number.isFinite(most.valueAsNumber) ? most.valueAsNumber : Infinity;
      let place = 0;
      for (let half = last + 1; half >= 1; half = Math.floor(half / 2))
        while (place + half <= last + 1 && price.values[price.order[place + half - 1]] <= price.most) place += half;
      range.value = Math.floor((place / (last + 1)) * steps);
      update();
    });
    label.append(`${price.limit}, at most`, most);
    row.append(label, range);
    byId("limits").append(row);
    byId("across").append(new Option(price.words, price.name, false, price === across));
    price.reset = () => { range.value = steps; price.most = Infinity; most.value = ""; };
  }
  byId("across").addEventListener("change", (event) => {
    across = prices.find((price) => price.name === event.target.value);
    update();
  });
  facts.genes.forEach((gene, place) => {
    const row = document.createElement("div");
    row.append(Object.assign(document.createElement("span"), { textContent: gene.words }));
    gene.choices.forEach((choice, index) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: choice });
      button.setAttribute("aria-pressed", "true");
      button.setAttribute("aria-label", `${gene.words} ${choice}`);
      button.addEventListener("click", () => {
        const out = dropped[place];
        if (!out.delete(index)) out.add(index);
        button.setAttribute("aria-pressed", String(!out.has(index)));
        update();
      });
      row.append(button);
    });
    byId("genes").append(row);
  });
  byId("reset").addEventListener("click", () => {
    prices.forEach((price) => price.reset());
    dropped.forEach((out) => out.clear());
    byId("genes").querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", "true"));
    update();
  });

  function filter() {
    shown.fill(1);
    for (const { values, most } of prices) {
      if (most !== Infinity) for (let i = 0; i < shown.length; i++) if (values[i] > most) shown[i] = 0;
    }
    dropped.forEach((out, place) => {
      if (!out.size) return;
      const values = columns[`gene${place}`], isOut = Uint8Array.from({ length: 256 }, (_, index) => out.has(index));
      for (let i = 0; i < shown.length; i++) if (isOut[values[i]]) shown[i] = 0;
    });
  }

  function update() {
    filter();
    let count = 0;
    best = -1;
    for (let i = 0; i < shown.length; i++) {
      if (!shown[i]) continue;
      count++;
      if (best < 0 || columns.badness[i] < columns.badness[best]) best = i;
    }
    byId("within").textContent = `${count.toLocaleString("en")} of ${texts.length.toLocaleString("en")} networks`;
    draw();
    describe(byId("best"), best, "The best within these limits");
  }

  // Which cell of the cloud each network is in; made once a price, as no move changes it.
  function cellsOf(price) {
    return Uint16Array.from(price.values, (value, i) => {
      const x = Math.min(width - 1, Math.floor(((log(value) - price.low) / price.wide) * width));
      const y = Math.min(height - 1, Math.floor(((accuracy[i] - worst) / tall) * height));
      return width * y + x;
    });
  }

  function draw() {
    const cells = (across.cells ??= cellsOf(across)), { low, wide } = across;
    const counts = new Uint32Array(width * height);
    for (let i = 0; i < shown.length; i++) if (shown[i]) counts[cells[i]]++;
    const rows = Array.from({ length: height }, (_, y) => Array.from(counts.subarray(width * y, width * (y + 1))));
    const z = rows.map((row) => row.map((n) => (n ? log(n) : null)));
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
    const few = style.getPropertyValue("--few").trim(), many = style.getPropertyValue("--many").trim();
    const axis = { gridcolor: line, zeroline: false, linecolor: line };
    const ticks = ticksOf(across);
    const price = across.name === "latency_ms" ? "%{x:.3~f} ms" : `%{x:.3~s} ${across.unit}`;
    const traces = [
      { type: "heatmap", z, x: Array.from({ length: width }, (_, i) => 10 ** (low + ((i + 0.5) / width) * wide)),
        y: Array.from({ length: height }, (_, i) => 100 * (worst + ((i + 0.5) / height) * tall)), showscale: false,
        colorscale: [[0, few], [1, many]],
        customdata: rows,
        hovertemplate: `${price}, %{y:.2f} % on val-A<br>networks here: %{customdata:,}<extra></extra>` },
      front(), mark(best, `best within the limits, by ${facts.by}`, "square", "#E69F00"),
      ...facts.marked.map(({ row, words }) => mark(row, shown[row] ? words : `${words}, outside the limits`, "star", "#D55E00")),
      ...(picked < 0 ? [] : [mark(picked, "the one you picked", "diamond", "#CC79A7")]),
    ];
    Plotly.react("cloud", traces, {
      margin: { l: 60, r: 16, t: 10, b: 48 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 13 }, legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
      xaxis: { ...axis, type: "log", title: { text: across.axis }, tickvals: ticks, ticktext: ticks.map(short) },
      yaxis: { ...axis, title: { text: "accuracy on val-A (%)" } },
    }, { displayModeBar: false, responsive: true });
  }

  function front() {
    const x = [], y = [], names = [];
    let most = -Infinity;
    for (const i of across.order) {
      if (!shown[i] || accuracy[i] <= most) continue;
      most = accuracy[i];
      x.push(across.values[i]); y.push(100 * accuracy[i]); names.push(texts[i]);
    }
    return { type: "scatter", mode: "lines+markers", x, y, text: names, name: "most accurate for what it costs",
      line: { color: "#009E73", width: 1.5, shape: "hv" }, marker: { size: 5 }, hovertemplate: "%{text}<extra></extra>" };
  }

  function mark(row, name, symbol, color) {
    const there = row >= 0 && row < texts.length;
    return { type: "scatter", mode: "markers", name, x: there ? [across.values[row]] : [], y: there ? [100 * accuracy[row]] : [],
      text: there ? [texts[row]] : [], marker: { symbol, size: 14, color, line: { color: "#ffffff", width: 1.5 } },
      hovertemplate: "%{text}<extra></extra>" };
  }

  function nearest(x, y) {
    let found = -1, least = Infinity;
    for (let i = 0; i < shown.length; i++) {
      if (!shown[i]) continue;
      const distance = (log(across.values[i] / x) / across.wide) ** 2 + ((accuracy[i] - y / 100) / tall) ** 2;
      if (distance < least) { least = distance; found = i; }
    }
    return found;
  }

  function describe(card, row, title) {
    card.hidden = false;
    card.replaceChildren(Object.assign(document.createElement("h3"), { textContent: title }));
    if (row < 0) { card.append("None of these networks is within the limits."); return; }
    card.dataset.genome = texts[row];
    const values = prices.map((price) => said(price, price.values[row])).join(" · ");
    const layers = Object.assign(document.createElement("div"), { className: "layers" });
    for (const [words, shape, color] of boxes(row)) {
      const box = Object.assign(document.createElement("div"), { textContent: words });
      box.style.background = color;
      box.append(Object.assign(document.createElement("small"), { textContent: shape }));
      layers.append(box);
    }
    const command = Object.assign(document.createElement("code"), { textContent: `${facts.export} ${texts[row]} --train` });
    const loss = facts.score === "loss" ? ` (cross-entropy ${columns.badness[row].toFixed(4)})` : "";
    card.append(`${(100 * accuracy[row]).toFixed(2)} % on val-A${loss}, ${(100 * columns.choice[row]).toFixed(2)} % on val-B · ${values}`,
      layers, "To train it as the winner was, and export it: ", command);
  }

  function boxes(row) {
    const drawn = [["picture", facts.shape.join("×"), "#666666"]];
    let [, height, width] = facts.shape;
    for (const part of texts[row].split("-")) {
      const conv = /^(\d+)k(\d+)(max|avg)$/.exec(part);
      if (conv) {
        height = Math.floor(height / 2); width = Math.floor(width / 2);
        drawn.push([`conv ${conv[2]}×${conv[2]}\n${conv[3]} pool`, `${conv[1]}×${height}×${width}`, "#0072B2"]);
      } else drawn.push(["dense", part.slice(2), "#00664B"]);
    }
    drawn.push(["classifier", String(facts.classes), "#8A5A00"]);
    return drawn;
  }

  function said(price, value) {
    if (price.name === "latency_ms") return `${value.toLocaleString("en", { maximumSignificantDigits: 3 })} ms`;
    if (value >= 999.5e6) return `${(value / 1e9).toPrecision(3)} G ${price.unit}`;
    return value >= 1e6 ? `${(value / 1e6).toPrecision(3)} M ${price.unit}` : `${value.toLocaleString("en")} ${price.unit}`;
  }

  // Three and more, also where an axis is less than a decade.
  function ticksOf({ low, wide }) {
    const digits = wide > 2 ? [1, 3] : wide > 1 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], ticks = [];
    for (let power = Math.floor(low); power <= low + wide; power++) ticks.push(...digits.map((n) => n * 10 ** power));
    const within = ticks.filter((tick) => log(tick) >= low && log(tick) <= low + wide);
    return within.length > 1 ? within : [10 ** low, 10 ** (low + wide)];
  }

  function short(value) {
    const [size, unit] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([size]) => value >= size) ?? [1, ""];
    return `${Number((value / size).toPrecision(3))}${unit}`;
  }

  // A blob's stream would be one call shorter, and needs the browser's blob store, which is not the page's own.
  async function inflated(packed) {
    const { readable, writable } = new DecompressionStream("deflate");
    const writer = writable.getWriter();
    Promise.all([writer.write(packed), writer.close()]).catch(() => {});  // the reader says it
    const pieces = [];
    const reader = readable.getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) pieces.push(piece.value);
    const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
    let start = 0;
    for (const piece of pieces) { whole.set(piece, start); start += piece.length; }
    return whole.buffer;
  }

  async function unpacked(text, layout) {
    const packed = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
    const bytes = await inflated(packed);
    const types = { f8: Float64Array, u4: Uint32Array, f4: Float32Array, u1: Uint8Array };
    return Object.fromEntries(layout.map(({ name, type, start, count }) => [name, new types[type](bytes, start, count)]));
  }

  update();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  byId("cloud").on("plotly_click", ({ points: [point] }) => {
    const row = point.text && typeof point.text === "string" ? texts.indexOf(point.text) : nearest(point.x, point.y);
    if (row < 0) return;
    picked = row;
    draw();
    describe(byId("picked"), row, "The network you picked");
  });
})();
