// The plan's verification: a chip in the header, and all its checks in a sheet.

import { CircleCheck, CircleDashed, CircleX, LoaderCircle, RotateCcw } from 'lucide-react';

import { Button } from '../design/controls';
import { Sheet } from '../design/surfaces';
import { useText } from '../i18n';
import { hasEnded } from '../model/phases';
import type { VerificationState } from '../platform/types';
import { Checks } from '../review/Checks';
import { useCommands } from '../store/context';
import { useRun } from '../store/run';
import { showOverlay, useView } from '../store/view';

const LOOKS = {
  waiting: [CircleDashed, 'text-ink-3'],
  running: [LoaderCircle, 'text-running'],
  passed: [CircleCheck, 'text-completed'],
  failed: [CircleX, 'text-failed'],
} as const;

function StateMark({ state, size = 14 }: { state: VerificationState; size?: number }) {
  const [Icon, colour] = LOOKS[state];
  return <Icon size={size} aria-hidden="true" className={`shrink-0 ${colour} ${state === 'running' ? 'turning' : ''}`} />;
}

export function VerificationButton() {
  const t = useText();
  const state = useRun((data) => data.run.verification?.state ?? null);
  if (state === null) return null;
  return (
    <button
      type="button"
      data-testid="verification"
      data-state={state}
      aria-label={t('verify.button', { state: t(`verify.state.${state}`) })}
      title={t(`verify.state.${state}`)}
      onClick={() => showOverlay('verification')}
      className="inline-flex h-6 shrink-0 items-center gap-1 rounded-md px-1.5 text-xs text-ink-2 hover:bg-hover"
    >
      <StateMark state={state} />
      <span className="hidden xl:inline">{t('verify.title')}</span>
    </button>
  );
}

/** What can be done when it does not hold: without git there is nothing to send back. */
export function Mend() {
  const t = useText();
  const onGit = useRun((data) => data.run.git !== null);
  return <p className="text-xs text-ink-2">{t(onGit ? 'verify.mend_git' : 'verify.mend')}</p>;
}

export function VerifyAgain() {
  const t = useText();
  const commands = useCommands();
  const again = useRun((data) => data.run.verification?.state === 'failed' && hasEnded(data.run.phase));
  if (!again) return null;
  return (
    <Button icon={RotateCcw} look="primary" data-testid="verify-again" onClick={() => void commands.verifyAgain()}>
      {t('verify.again')}
    </Button>
  );
}

export function VerificationSheet() {
  const t = useText();
  const open = useView((view) => view.overlay === 'verification');
  const verification = useRun((data) => data.run.verification);
  if (verification === null) return null;
  const { state, checks, planned, problem } = verification;
  return (
    <Sheet open={open} onClose={() => showOverlay(null)} title={t('verify.title')} width="w-[820px]">
      <div data-testid="verification-sheet" className="flex flex-col gap-3">
        <div className="flex items-center gap-2 text-sm">
          <StateMark state={state} size={16} />
          <span className="font-medium">{t(`verify.state.${state}`)}</span>
          <span className="ml-auto">
            <VerifyAgain />
          </span>
        </div>
        {state === 'failed' ? <Mend /> : null}
        {problem === null ? null : <p className="selectable text-xs text-failed">{problem}</p>}
        {checks.length > 0 ? (
          <Checks checks={checks} label={t('verify.title')} />
        ) : (
          <ul className="flex flex-col gap-1.5">
            {planned.map((name, index) => (
              <li key={index} className="flex items-center gap-2 rounded-md border border-line px-2.5 py-1.5 text-sm">
                <StateMark state={state === 'running' ? 'running' : 'waiting'} />
                <span className="selectable min-w-0 flex-1 break-all">{name}</span>
                <span className="text-2xs text-ink-3">{t('verify.planned')}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Sheet>
  );
}
