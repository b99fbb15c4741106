// Durations and clocks as texts, and the passage between the plan's seconds and the wall's.

import type { RunView, Timestamp } from '../platform/types';

/** Milliseconds since 1970; NaN never leaves this function. */
export function millisOf(time: Timestamp): number {
  const millis = Date.parse(time);
  return Number.isNaN(millis) ? 0 : millis;
}

/** A running clock: `0:07`, `12:03`, `1:50:00`. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const s = String(whole % 60).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${s}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${s}`;
}

/** A length of time, two units at most: `450 ms`, `8.5s`, `15m`, `1h 50m`. */
export function durationText(seconds: number): string {
  if (seconds < 1) return `${Math.round(Math.max(0, seconds) * 1000)}ms`;
  if (seconds < 10 && seconds % 1 !== 0) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? `${minutes}m` : `${minutes}m ${whole % 60}s`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours}h` : `${hours}h ${minutes % 60}m`;
}

/** The time of day of this machine's zone, with seconds. */
export function timeOfDay(time: Timestamp, language: string): string {
  return new Date(millisOf(time)).toLocaleTimeString(language, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
}

/** The time of day of this machine's zone, to the minute. */
export function timeOfMinute(time: Timestamp, language: string): string {
  return new Date(millisOf(time)).toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}

/** Day and time of this machine's zone. */
export function dayAndTime(time: Timestamp, language: string): string {
  return new Date(millisOf(time)).toLocaleString(language, {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
}

/** Seconds of the plan's estimates, as seconds on the wall: a rehearsal at 60x takes a sixtieth. */
export function wallSeconds(planSeconds: number, speed: number | null): number {
  return speed !== null && speed > 0 ? planSeconds / speed : planSeconds;
}

/** How long the run has been under way at this moment, in seconds on the wall. */
export function elapsedSeconds(run: RunView, nowMillis: number): number {
  if (run.started_at === null) return 0;
  const end = run.ended_at === null ? nowMillis : millisOf(run.ended_at);
  return Math.max(0, (end - millisOf(run.started_at)) / 1000);
}

/** Between two moments, in seconds on the wall. */
export function secondsBetween(from: Timestamp, toMillis: number): number {
  return Math.max(0, (toMillis - millisOf(from)) / 1000);
}
