// Whose tasks others take at this moment, why, and when it is tried again.

import { ArrowLeftRight } from 'lucide-react';

import { useText } from '../i18n';
import { durationText, millisOf } from '../model/time';
import type { StandInView } from '../platform/types';
import { useNow } from '../store/clock';
import { useRun } from '../store/run';

function Line({ standIn }: { standIn: StandInView }) {
  const t = useText();
  const now = useNow();
  const left = durationText(Math.max(0, (millisOf(standIn.recheck_at) - now) / 1000));
  return (
    <p className="selectable min-w-0 truncate text-sm" data-runner={standIn.runner}>
      <span className="font-medium">{t('stand_in.title', { runner: t(`runner.${standIn.runner}`) })}</span>{' '}
      <span className="text-xs text-ink-2">
        {t('stand_in.text', { time: left })} {standIn.why}
      </span>
    </p>
  );
}

export function StandInBanner() {
  const standIns = useRun((data) => data.run.stand_ins);
  if (standIns.length === 0) return null;
  return (
    <div role="status" data-testid="stand-in" className="flex items-start gap-2 border-b border-line bg-[color-mix(in_oklab,var(--back-off)_10%,var(--surface))] px-3 py-1.5">
      <ArrowLeftRight size={14} className="mt-0.5 shrink-0 text-back-off" aria-hidden="true" />
      <div className="min-w-0">
        {standIns.map((standIn) => (
          <Line key={standIn.runner} standIn={standIn} />
        ))}
      </div>
    </div>
  );
}
