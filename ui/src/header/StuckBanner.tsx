// Why nothing goes on, when a run is stuck.

import { OctagonX } from 'lucide-react';

import { useText } from '../i18n';
import { useRun } from '../store/run';

const MOST_LINES = 4;

export function StuckBanner() {
  const t = useText();
  const stuck = useRun((data) => data.run.stuck);
  const phase = useRun((data) => data.run.phase);
  if (phase !== 'stuck') return null;
  return (
    <div role="alert" data-testid="run-stuck" className="flex items-start gap-2 border-b border-line bg-[color-mix(in_oklab,var(--failed)_10%,var(--surface))] px-3 py-2">
      <OctagonX size={14} className="mt-0.5 shrink-0 text-failed" aria-hidden="true" />
      <div className="selectable min-w-0 text-sm">
        <p className="font-medium">{t('stuck.title')}</p>
        {stuck.slice(0, MOST_LINES).map((line) => (
          <p key={line} className="truncate text-xs text-ink-2">
            {line}
          </p>
        ))}
        {stuck.length > MOST_LINES ? <p className="text-xs text-ink-3">{t('stuck.more', { count: stuck.length - MOST_LINES })}</p> : null}
      </div>
    </div>
  );
}
