// What lies over the rows: the axis, the waves and the now line.

import { memo } from 'react';

import { useText } from '../i18n';
import { ticks, xOf } from '../model/axis';
import type { TimeWindow } from '../model/axis';
import type { WaveMark } from '../model/bars';
import { clockText, elapsedSeconds, wallSeconds } from '../model/time';
import { useNow } from '../store/clock';
import { useRun } from '../store/run';
import { GUTTER } from './TimelineRow';

type Area = { window: TimeWindow; width: number };

export const Axis = memo(function Axis({ window, width, waves }: Area & { waves: WaveMark[] }) {
  const t = useText();
  return (
    <div role="row" className="sticky top-0 z-5 h-7 border-b border-line bg-surface">
      <div role="columnheader" className="absolute inset-y-0 left-0 border-r border-line" style={{ width: GUTTER }}>
        <span className="sr-only">{t('timeline.axis')}</span>
      </div>
      <div role="presentation" className="absolute inset-y-0 right-0 overflow-hidden" style={{ left: GUTTER }}>
        {ticks(window, width).map((at) => (
          <span
            key={at}
            className="absolute bottom-0.5 -translate-x-1/2 text-2xs text-ink-3 tabular first:translate-x-1"
            style={{ left: xOf(at, window, width) }}
          >
            {clockText(at)}
          </span>
        ))}
        {waves.map((mark) => {
          const x = xOf(mark.start, window, width);
          return x < -20 || x > width ? null : (
            <span
              key={mark.wave}
              title={t('timeline.wave', { wave: mark.wave })}
              className="absolute -top-px rounded-b-sm bg-press px-1 text-[10px] leading-3 text-ink-2 tabular"
              style={{ left: Math.max(0, x) }}
            >
              {t('timeline.wave_short', { wave: mark.wave })}
            </span>
          );
        })}
      </div>
    </div>
  );
});

export const GridLines = memo(function GridLines({ window, width, waves }: Area & { waves: WaveMark[] }) {
  return (
    <div aria-hidden="true" className="pointer-events-none absolute inset-y-0 right-0 overflow-hidden" style={{ left: GUTTER }}>
      {ticks(window, width).map((at) => (
        <span key={at} className="absolute inset-y-0 w-px bg-line/60" style={{ left: xOf(at, window, width) }} />
      ))}
      {waves.map((mark) => (
        <span
          key={mark.wave}
          className="absolute inset-y-0 border-l border-dashed border-line-strong"
          style={{ left: xOf(mark.start, window, width) }}
        />
      ))}
    </div>
  );
});

/** Where the run stands, and where the forecast said that it would end. */
export function NowLine({ window, width }: Area) {
  const t = useText();
  const run = useRun((data) => data.run);
  const now = useNow();
  const x = xOf(elapsedSeconds(run, now), window, width);
  const end = xOf(wallSeconds(run.forecast.expected_seconds, run.rehearsal_speed), window, width);
  return (
    <div className="pointer-events-none absolute inset-y-0 right-0 z-3 overflow-hidden" style={{ left: GUTTER }}>
      <span title={t('timeline.forecast_end')} className="absolute inset-y-0 border-l-2 border-dotted border-ink-3/60" style={{ left: end }} />
      {run.started_at === null ? null : (
        <span data-testid="now-line" title={t('timeline.now')} className="absolute inset-y-0 w-px bg-accent" style={{ left: x }}>
          <span className="absolute top-0 -left-[3px] size-[7px] rounded-full bg-accent" />
        </span>
      )}
    </div>
  );
}
