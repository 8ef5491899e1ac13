// Draws the time lines and moves to a claim that is asked for. Every word comes from the server.
"use strict";

(() => {
  const DAY = 86_400_000;
  const LABELS_MAX = 9;
  const NARROW = 520;
  const ARROW = { width: 12, height: 34 };
  const UPWARDS = new Set(["at_least", "more_than"]);
  const DOWNWARDS = new Set(["at_most", "up_to"]);
  // Arrows begin at the value: with a foot where the value itself is possible, after a gap if not.
  const PATHS = {
    at_least: "path://M2 34H10V32.4H6.8V9H11L6 0L1 9H5.2V32.4H2Z",
    more_than: "path://M5.2 25H6.8V9H11L6 0L1 9H5.2ZM5.9 34H6.1V33.8H5.9Z",
    at_most: "path://M2 0H10V1.6H6.8V25H11L6 34L1 25H5.2V1.6H2Z",
    up_to: "path://M2 0H10V1.6H6.8V25H11L6 34L1 25H5.2V1.6H2Z",
  };
  const language = document.documentElement.lang;
  const drawn = new Map();

  function draw(root) {
    for (const element of root.querySelectorAll("[data-chart]")) {
      if (!drawn.has(element) && window.echarts) drawn.set(element, chart(element));
    }
    for (const element of drawn.keys()) {
      if (!element.isConnected) {
        drawn.get(element).dispose();
        drawn.delete(element);
      }
    }
  }

  function chart(element) {
    const made = window.echarts.init(element, null, { renderer: "canvas" });
    made.setOption(option(element, made.getWidth()));
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    element.append(tip);
    made.on("mouseover", (event) => show(tip, event.data && event.data.mark, event.event));
    made.on("mouseout", () => { tip.hidden = true; });
    made.on("click", (event) => event.data && event.data.mark && open(event.data.mark.claim));
    element.dataset.drawn = "true";
    return made;
  }

  function show(tip, mark, at) {
    if (!mark) return;
    const lines = [mark.label, ...mark.notes].map((text, place) => {
      const line = document.createElement(place ? "span" : "b");
      line.textContent = text;
      line.dir = "auto";
      return line;
    });
    tip.replaceChildren(...lines);
    tip.hidden = false;
    const room = tip.parentElement.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(at.offsetX + 14, room))}px`;
    tip.style.top = `${Math.max(0, at.offsetY - tip.offsetHeight - 12)}px`;
  }

  function open(claim) {
    const here = document.getElementById(claim);
    if (here) {
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      here.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "center" });
      here.focus({ preventScroll: true });
    } else {
      const asked = new URLSearchParams(location.search).get("lang");
      location.assign(`/reports/claims/${claim}${asked ? `?lang=${encodeURIComponent(asked)}` : ""}`);
    }
  }

  function option(element, width) {
    const data = JSON.parse(element.dataset.chart);
    const look = looks(element);
    const dated = spread(data.marks.filter((mark) => mark.first));
    const undated = data.marks.filter((mark) => !mark.first)
      .map((mark, place) => ({ ...mark, x: place + 0.5 }));
    const range = heights(data);
    const panes = [];
    if (dated.length) panes.push({ marks: dated, axis: timeAxis(dated) });
    if (undated.length) {
      const axis = { type: "value", min: 0, max: undated.length, splitLine: { show: false },
        axisLabel: { show: false }, axisTick: { show: false } };
      panes.push({ marks: undated, axis: { ...axis, name: element.dataset.undated }, undated: true });
    }
    const narrow = width < NARROW;
    const left = narrow ? 44 : 62;
    const apart = Math.min(width * (narrow ? 0.22 : 0.4), Math.max(90, 44 * undated.length));
    const grids = panes.map((pane) => {
      const within = { top: 22, bottom: 34 };
      if (panes.length === 1) return { ...within, left, right: 24 };
      return pane.undated
        ? { ...within, width: apart, right: narrow ? 4 : 16 }
        : { ...within, left, right: apart + (narrow ? 22 : 64) };
    });
    return {
      animation: false,
      useUTC: true,
      textStyle: { fontFamily: look.font, color: look.muted },
      grid: grids,
      xAxis: panes.map((pane, place) => ({
        ...pane.axis, gridIndex: place, nameLocation: "middle", nameGap: 12,
        nameTextStyle: { color: look.muted },
        axisLine: { show: true, onZero: false, lineStyle: { color: look.rule, type: pane.undated ? "dashed" : "solid" } },
        axisLabel: { color: look.muted, hideOverlap: true, ...pane.axis.axisLabel },
      })),
      yAxis: panes.map((pane, place) => ({
        type: "value", gridIndex: place, min: range.min, max: range.max, inverse: data.ranking,
        minInterval: data.ranking ? 1 : 0, splitNumber: 4,
        splitLine: { lineStyle: { color: look.rule, type: pane.undated ? "dashed" : "solid" } },
        axisLabel: { show: place === 0, color: look.muted, formatter: short },
      })),
      series: panes.flatMap((pane, place) => series(pane, place, data, look, narrow)),
    };
  }

  // Claims of one period share it: their marks stand side by side within it.
  function spread(marks) {
    const groups = new Map();
    for (const mark of marks) {
      const key = `${mark.first} ${mark.last}`;
      groups.set(key, [...(groups.get(key) || []), mark]);
    }
    return [...groups.values()].flatMap((group) => group.map((mark, place) => {
      const from = Date.parse(mark.first);
      const to = Date.parse(mark.last) + DAY;
      return { ...mark, from, to, x: from + ((to - from) * (place + 1)) / (group.length + 1) };
    }));
  }

  function heights(data) {
    const values = data.marks.flatMap((mark) => [mark.value, mark.high ?? mark.value]);
    const most = Math.max(...values);
    const least = Math.min(...values, 0);
    if (data.ranking) return { min: 0, max: Math.max(3, most + 1) };
    return { min: least < 0 ? least * 1.25 : 0, max: nice(most > 0 ? most * 1.28 : 1) };
  }

  function nice(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value) * power;
  }

  function timeAxis(marks) {
    const first = new Date(Math.min(...marks.map((mark) => mark.from))).getUTCFullYear();
    const last = new Date(Math.max(...marks.map((mark) => mark.to - DAY))).getUTCFullYear();
    const months = last - first < 2;
    const month = new Intl.DateTimeFormat(language, { month: "short", timeZone: "UTC" });
    const start = Date.UTC(first, 0, 1);
    const end = Date.UTC(last + 1, 0, 1);
    const margin = (end - start) * 0.03;
    return {
      type: "time", min: start - margin, max: end + margin,
      minInterval: months ? 28 * DAY : 360 * DAY, splitLine: { show: false },
      axisLabel: {
        formatter: (at) => {
          const day = new Date(at);
          if (day.getUTCDate() !== 1) return "";
          if (day.getUTCMonth() === 0) return String(day.getUTCFullYear());
          return months ? month.format(day) : "";
        },
      },
    };
  }

  function short(value) {
    const shown = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 2 });
    return shown.format(value);
  }

  function series(pane, place, data, look, narrow) {
    const base = { type: "line", xAxisIndex: place, yAxisIndex: place, showAllSymbol: true,
      lineStyle: { width: 0 }, emphasis: { scale: 1.15 }, clip: false };
    const colour = (mark) => look.scopes[mark.scope];
    const points = (marks, item) => ({ ...base, symbolKeepAspect: false,
      data: marks.map((mark) => ({ value: [mark.x, mark.value], mark, ...item(mark) })) });
    const most = narrow ? LABELS_MAX / 3 : LABELS_MAX;
    const few = data.marks.length <= most && (!pane.undated || (pane.marks.length < 4 && !narrow));
    return [
      points(pane.marks.filter((mark) => mark.bound === "about"), (mark) => ({
        symbol: "rect", symbolSize: [26, 60], itemStyle: { color: haze(colour(mark)) } })),
      ...pane.marks.filter((mark) => mark.to - mark.from > DAY).map((mark) => ({
        ...base, silent: true, symbol: "rect", symbolSize: [1.5, 9], z: 2,
        lineStyle: { width: 1.5, color: colour(mark), opacity: 0.55 },
        itemStyle: { color: colour(mark), opacity: 0.55 },
        data: [[mark.from, mark.value], [mark.to, mark.value]] })),
      ...pane.marks.filter((mark) => mark.high !== null).map((mark) => ({
        ...base, symbol: "rect", symbolSize: [18, 2.5], z: 2,
        lineStyle: { width: 10, color: colour(mark), opacity: 0.35 }, itemStyle: { color: colour(mark) },
        data: [mark.value, mark.high].map((value) => ({ value: [mark.x, value], mark })) })),
      points(pane.marks.filter((mark) => mark.bound in PATHS), (mark) => {
        const up = UPWARDS.has(mark.bound) !== data.ranking;
        const path = up === UPWARDS.has(mark.bound) ? mark.bound : (up ? "at_least" : "at_most");
        return { symbol: PATHS[path], symbolSize: [ARROW.width, ARROW.height],
          symbolOffset: [0, ((up ? -1 : 1) * ARROW.height) / 2], itemStyle: { color: colour(mark) } };
      }),
      { ...points(pane.marks.filter((mark) => mark.high === null), (mark) => ({
        ...form(mark, colour(mark), look.surface),
        label: { show: few && !(pane.undated && mark.label.length > 14), formatter: mark.label, color: look.ink, fontSize: 12,
          textBorderColor: look.surface, textBorderWidth: 3,
          position: side(mark, pane), distance: 7 } })), z: 4 },
    ];
  }

  // At an end of the axis a label stands inwards, so that it is whole.
  function side(mark, pane) {
    const share = (mark.x - pane.axis.min) / (pane.axis.max - pane.axis.min);
    if (!pane.undated && share > 0.94) return "left";
    if (!pane.undated && share < 0.03) return "right";
    return above(mark, pane.marks) ? "top" : "bottom";
  }

  // A label stands below its mark, unless an arrow or another mark is there.
  function above(mark, marks) {
    const values = marks.map((each) => each.value);
    const places = marks.map((each) => each.x);
    const tall = Math.max(...values) - Math.min(...values, 0);
    const wide = Math.max(...places) - Math.min(...places);
    const crowded = marks.some((other) => other !== mark
      && Math.abs(other.x - mark.x) < wide * 0.07
      && mark.value - other.value > 0 && mark.value - other.value < tall * 0.2);
    return DOWNWARDS.has(mark.bound) || (crowded && !UPWARDS.has(mark.bound));
  }

  // What was observed, estimated, planned or aimed at is told apart by form.
  function form(mark, colour, surface) {
    const hollow = { color: surface, borderColor: colour, borderWidth: 2 };
    switch (mark.modality) {
      case "estimated": return { symbol: "circle", symbolSize: 11, itemStyle: hollow };
      case "planned": return { symbol: "rect", symbolSize: 10, itemStyle: hollow };
      case "target": return { symbol: "diamond", symbolSize: 15, itemStyle: hollow };
      default: return { symbol: "circle", symbolSize: 11, itemStyle: { color: colour, borderColor: surface, borderWidth: 1 } };
    }
  }

  function haze(colour) {
    const clear = `${colour}00`;
    return { type: "linear", x: 0, y: 0, x2: 0, y2: 1, colorStops: [
      { offset: 0, color: clear }, { offset: 0.5, color: `${colour}66` }, { offset: 1, color: clear }] };
  }

  function looks(element) {
    const style = getComputedStyle(element);
    const read = (name) => style.getPropertyValue(name).trim();
    return {
      font: style.fontFamily, ink: read("--ink"), muted: read("--muted"), rule: read("--rule"),
      surface: read("--surface"), scopes: [0, 1, 2, 3, 4, 5].map((n) => read(`--scope-${n}`)),
    };
  }

  function redraw() {
    for (const [element, made] of drawn) {
      made.resize();
      made.setOption(option(element, made.getWidth()), true);
    }
  }

  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(redraw, 120); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.addEventListener("htmx:load", (event) => draw(event.detail.elt.parentElement || document));
  draw(document);
})();
