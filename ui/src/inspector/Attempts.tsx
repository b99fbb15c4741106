// Each try of a task: who, how long, how it ended, and the evidence that was looked for.

import { ChevronRight, CircleCheck, CircleX } from 'lucide-react';
import { Collapsible } from 'radix-ui';

import { StateIcon } from '../design/StateIcon';
import { useLanguage, useText } from '../i18n';
import { attemptPhase } from '../model/bars';
import { isUsed } from '../model/money';
import { durationText, millisOf, secondsBetween, timeOfDay } from '../model/time';
import type { AttemptView, CheckResult, EvidenceReport, TaskView } from '../platform/types';
import { useNow } from '../store/clock';
import { SentComments, TreeFacts } from '../work/WorkSection';
import { CodeLines, usageText } from './parts';

function Check({ check }: { check: CheckResult }) {
  const Icon = check.passed ? CircleCheck : CircleX;
  return (
    <li className="flex flex-col gap-1">
      <span className="flex items-start gap-1.5">
        <Icon size={13} className={`mt-0.5 shrink-0 ${check.passed ? 'text-completed' : 'text-failed'}`} aria-hidden="true" />
        <span className="selectable min-w-0 flex-1 font-mono text-2xs break-all">{check.run.join(' ')}</span>
        <span className="shrink-0 text-2xs text-ink-3 tabular">
          {check.ended}, {durationText(check.millis / 1000)}
        </span>
      </span>
      {check.tail === '' ? null : (
        // Long output must be scrolled by the keyboard too.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre tabIndex={0} className="selectable max-h-36 overflow-auto rounded-md bg-sunken p-2 font-mono text-2xs whitespace-pre-wrap break-words text-ink-2">{check.tail}</pre>
      )}
    </li>
  );
}

function Evidence({ evidence }: { evidence: EvidenceReport }) {
  const t = useText();
  return (
    <div className="flex flex-col gap-2">
      {evidence.problem === null ? null : <p className="selectable text-xs text-failed">{evidence.problem}</p>}
      {evidence.missing.length === 0 ? null : (
        <div>
          <p className="text-2xs text-failed">{t('evidence.missing')}</p>
          <CodeLines lines={evidence.missing} none="inspector.none" />
        </div>
      )}
      {evidence.unchanged.length === 0 ? null : (
        <div>
          <p className="text-2xs text-failed">{t('evidence.unchanged')}</p>
          <CodeLines lines={evidence.unchanged} none="inspector.none" />
        </div>
      )}
      {evidence.changed.length === 0 ? null : (
        <div>
          <p className="text-2xs text-ink-3">{t('evidence.changed')}</p>
          <CodeLines lines={evidence.changed} none="inspector.none" />
        </div>
      )}
      {evidence.checks.length === 0 ? null : (
        <ul className="flex flex-col gap-1.5" aria-label={t('evidence.checks')}>
          {evidence.checks.map((check, index) => (
            <Check key={index} check={check} />
          ))}
        </ul>
      )}
    </div>
  );
}

export function Attempt({ attempt, task }: { attempt: AttemptView; task: TaskView }) {
  const t = useText();
  const language = useLanguage();
  const now = useNow(attempt.ended_at === null);
  const from = attempt.started_at ?? attempt.assigned_at;
  const until = attempt.ended_at === null ? now : millisOf(attempt.ended_at);
  const phase = attemptPhase(attempt, task.phase);
  return (
    <Collapsible.Root defaultOpen={attempt.cause !== null && attempt.number === task.attempts.length} className="rounded-md border border-line">
      <Collapsible.Trigger data-testid="attempt" className="group flex h-8 w-full items-center gap-2 rounded-md px-2 text-left text-xs hover:bg-hover">
        <ChevronRight size={12} className="shrink-0 text-ink-3 transition-transform group-data-[state=open]:rotate-90" aria-hidden="true" />
        <StateIcon phase={phase} size={13} />
        <span className="font-semibold tabular">{t('attempt.number', { number: attempt.number })}</span>
        <span className="tabular text-ink-2">{attempt.agent}</span>
        <span className="min-w-0 flex-1 truncate text-ink-3" title={attempt.cause === null ? undefined : t(`cause.${attempt.cause}`)}>
          {attempt.cause === null ? '' : t(`cause.${attempt.cause}`)}
        </span>
        <span className="shrink-0 text-ink-2 tabular">{durationText(secondsBetween(from, until))}</span>
      </Collapsible.Trigger>
      <Collapsible.Content className="flex flex-col gap-2 px-2.5 pt-1 pb-2.5">
        <p className="text-2xs text-ink-3 tabular">
          {timeOfDay(attempt.assigned_at, language)} – {attempt.ended_at === null ? t('attempt.open') : timeOfDay(attempt.ended_at, language)}
        </p>
        {attempt.error === null ? null : <p className={`selectable text-xs break-words ${phase === 'failed' ? 'text-failed' : 'text-ink-2'}`}>{attempt.error}</p>}
        {attempt.cause === null ? null : <p className="text-xs text-ink-3">{t(`remedy.${attempt.cause}`)}</p>}
        {attempt.session === null ? null : (
          <p className="selectable text-2xs wrap-anywhere text-ink-3 tabular">
            {t('attempt.session', { session: attempt.session, model: attempt.model ?? '–' })}
          </p>
        )}
        {isUsed(attempt.usage) ? <p className="text-2xs text-ink-3 tabular">{usageText(t, attempt.usage)}</p> : null}
        {attempt.output_files.length === 0 ? null : (
          <div>
            <p className="text-2xs text-ink-3">{t('attempt.claims')}</p>
            <CodeLines lines={attempt.output_files} none="inspector.none" />
          </div>
        )}
        <TreeFacts attempt={attempt} />
        <SentComments attempt={attempt} />
        {attempt.evidence === null ? null : <Evidence evidence={attempt.evidence} />}
      </Collapsible.Content>
    </Collapsible.Root>
  );
}
