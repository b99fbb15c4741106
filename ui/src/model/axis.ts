// The timeline's arithmetic: a window on time, its ticks, zooming and panning.

/** What is seen: seconds on the wall since the run began. */
export type TimeWindow = { start: number; end: number };

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
const SHORTEST_WINDOW = 2;

/** The step between ticks that leaves at least `minPixels` between two labels. */
export function tickStep(window: TimeWindow, width: number, minPixels = 72): number {
  const least = ((window.end - window.start) * minPixels) / Math.max(1, width);
  return STEPS.find((step) => step >= least) ?? Math.ceil(least / 86400) * 86400;
}

/** The ticks that fall into the window. */
export function ticks(window: TimeWindow, width: number): number[] {
  const step = tickStep(window, width);
  const found: number[] = [];
  for (let at = Math.ceil(window.start / step) * step; at <= window.end; at += step) found.push(at);
  return found;
}

/** Where a moment lies, in pixels from the window's left edge. */
export function xOf(seconds: number, window: TimeWindow, width: number): number {
  return ((seconds - window.start) / (window.end - window.start)) * width;
}

/** The moment at this place. */
export function secondsAt(x: number, window: TimeWindow, width: number): number {
  return window.start + (x / Math.max(1, width)) * (window.end - window.start);
}

/** Keeps a window within the whole, as long as it is no longer than the whole. */
export function clampWindow(window: TimeWindow, whole: TimeWindow): TimeWindow {
  const full = whole.end - whole.start;
  const length = Math.min(full, Math.max(SHORTEST_WINDOW, window.end - window.start));
  const start = Math.min(Math.max(window.start, whole.start), whole.end - length);
  return { start, end: start + length };
}

/** A window `factor` times as long in which `anchor` stays at its place. */
export function zoomWindow(window: TimeWindow, whole: TimeWindow, factor: number, anchor: number): TimeWindow {
  const length = Math.max(SHORTEST_WINDOW, (window.end - window.start) * factor);
  const share = (anchor - window.start) / (window.end - window.start);
  const start = anchor - share * length;
  return clampWindow({ start, end: start + length }, whole);
}

export function panWindow(window: TimeWindow, whole: TimeWindow, bySeconds: number): TimeWindow {
  return clampWindow({ start: window.start + bySeconds, end: window.end + bySeconds }, whole);
}

/**
 * All there is to see: forecast and elapsed time, with a little room after the later of them. It grows
 * in steps, so that a late run does not redraw every bar at every tick.
 */
export function wholeWindow(forecastSeconds: number, elapsed: number): TimeWindow {
  let end = Math.max(SHORTEST_WINDOW, forecastSeconds) * 1.04;
  while (elapsed > end * 0.98) end *= 1.2;
  return { start: 0, end };
}
