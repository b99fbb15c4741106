// Everything that is known of the selected task.

import { Ban, PanelRightClose, RotateCcw } from 'lucide-react';

import { Button, Chip, IconButton, Progress } from '../design/controls';
import { StateIcon } from '../design/StateIcon';
import { CloseHost, HostInspector } from '../hosts/HostInspector';
import { LostWords, useLostHost } from '../hosts/LostHost';
import { useLanguage, useText } from '../i18n';
import { countBehind } from '../model/graph';
import { cancelBlocker, isAtWork, retryBlocker } from '../model/phases';
import { isUsed } from '../model/money';
import { durationText, millisOf, secondsBetween, timeOfDay } from '../model/time';
import { countsDown, waitText } from '../model/waiting';
import type { TaskView } from '../platform/types';
import { useNow } from '../store/clock';
import { useCommands } from '../store/context';
import { useRun, useRunMoment, useTask } from '../store/run';
import { openInspector, selectHost, useView } from '../store/view';
import { WorkMarks } from '../work/marks';
import { WorkSection } from '../work/WorkSection';
import { Attempt } from './Attempts';
import { CodeLines, Fact, Section, TaskLink, TaskLinks, usageText } from './parts';
import { ReassignMenu } from './ReassignMenu';
import { RunFacts } from './RunFacts';

function Actions({ task }: { task: TaskView }) {
  const t = useText();
  const commands = useCommands();
  const runPhase = useRunMoment();
  const retry = retryBlocker(task, runPhase);
  const cancel = cancelBlocker(task, runPhase);
  return (
    <div className="flex flex-wrap gap-1.5 px-4 pb-3">
      <ReassignMenu task={task} />
      <Button
        icon={RotateCcw}
        disabled={retry !== null}
        data-testid="retry-task"
        onClick={() => void commands.retryTask(task.id)}
        {...(retry === null ? {} : { hint: t(retry) })}
      >
        {t('action.retry')}
      </Button>
      <Button
        icon={Ban}
        look="danger"
        disabled={cancel !== null}
        data-testid="cancel-task"
        onClick={() => void commands.cancelTask(task.id)}
        {...(cancel === null ? {} : { hint: t(cancel) })}
      >
        {t('action.cancel')}
      </Button>
    </div>
  );
}

function Waiting({ task }: { task: TaskView }) {
  const t = useText();
  const now = useNow(countsDown(task));
  if (task.waiting.length === 0) return null;
  return (
    <Section title="inspector.waits">
      <ul className="flex flex-col gap-1.5" data-testid="wait-reasons">
        {task.waiting.map((reason, index) => {
          const text = waitText(reason, now);
          return (
            <li key={index} data-reason={reason.reason} className="text-xs text-ink">
              <p>{t(text.key, text.values)}</p>
              {text.tasks.length === 0 ? null : (
                <span className="mt-1 flex flex-wrap gap-1">
                  {text.tasks.map((id) => (
                    <TaskLink key={id} id={id} />
                  ))}
                </span>
              )}
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

/** Why nothing is known of a task, while its host cannot be reached. */
function Unverified({ task }: { task: TaskView }) {
  const t = useText();
  const host = useLostHost(useRun((data) => data.agents[task.agent]?.host ?? null));
  if (task.phase !== 'unverified' || host === null) return null;
  return (
    <div data-testid="unverified" className="phase-unverified mx-4 mb-3 rounded-md border border-dashed border-(--phase) px-2.5 py-2 text-xs">
      <p>
        <LostWords host={host} />
      </p>
      <p className="mt-0.5 text-ink-2">{t('lost.task', { agent: task.agent })}</p>
      <button type="button" onClick={() => selectHost(host.id)} className="mt-1 rounded-sm text-accent-ink hover:underline">
        {t('lost.show_host', { host: host.id })}
      </button>
    </div>
  );
}

function Facts({ task }: { task: TaskView }) {
  const t = useText();
  const language = useLanguage();
  const now = useNow(isAtWork(task.phase));
  const behind = useRun((data) => countBehind(task.id, data.dependents));
  const took = task.started_at === null ? null : secondsBetween(task.started_at, task.completed_at === null ? now : millisOf(task.completed_at));
  return (
    <Section title="inspector.facts">
      <dl className="grid grid-cols-[96px_minmax(0,1fr)] gap-x-3 gap-y-1">
        <Fact label="fact.agent">
          {task.agent}
          {task.agent === task.planned_agent ? '' : ` ${t('fact.planned_for', { agent: task.planned_agent })}`}
          {task.stood_in ? ` · ${t('fact.stood_in')}` : ''}
        </Fact>
        {isUsed(task.usage) ? <Fact label="fact.cost">{usageText(t, task.usage)}</Fact> : null}
        <Fact label="fact.status">{task.status}</Fact>
        {task.host === null ? null : <Fact label="fact.host">{task.host}</Fact>}
        <Fact label="fact.module">{task.module === '' ? '–' : task.module}</Fact>
        <Fact label="fact.estimate">{durationText(task.estimated_seconds)}</Fact>
        {took === null ? null : <Fact label="fact.took">{durationText(took)}</Fact>}
        {task.started_at === null ? null : <Fact label="fact.started">{timeOfDay(task.started_at, language)}</Fact>}
        {task.completed_at === null ? null : <Fact label="fact.ended">{timeOfDay(task.completed_at, language)}</Fact>}
        <Fact label="fact.planned">
          {durationText(task.planned_start_seconds)} – {durationText(task.planned_end_seconds)}
        </Fact>
        <Fact label="fact.level">
          {task.level + 1}
          {task.wave === null ? '' : ` · ${t('fact.wave', { wave: task.wave })}`}
          {task.critical ? ` · ${t('fact.critical')}` : ''}
        </Fact>
        {task.needs_approval ? <Fact label="work.accept">{t('work.needs_approval')}</Fact> : null}
        <Fact label="fact.priority">{task.priority}</Fact>
        <Fact label="fact.limits">{t('fact.limits_text', { retries: task.retries, limit: durationText(task.time_limit_seconds) })}</Fact>
        <Fact label="fact.behind">{t('fact.behind_text', { count: behind })}</Fact>
      </dl>
    </Section>
  );
}

function Body({ task }: { task: TaskView }) {
  const t = useText();
  const dependents = useRun((data) => data.dependents[task.id]);
  return (
    <div className="min-h-0 flex-1 overflow-y-auto" data-testid="inspector" data-task-id={task.id} data-phase={task.phase}>
      <div className={`phase-${task.phase} px-4 pt-3.5 pb-3`}>
        <div className="flex items-center gap-2">
          <Chip tone="phase">
            <StateIcon phase={task.phase} size={12} />
            {t(`phase.${task.phase}`)}
          </Chip>
          <WorkMarks task={task} size={14} />
          {isAtWork(task.phase) ? <span className="text-xs text-ink-2 tabular">{Math.round(task.progress * 100)}%</span> : null}
        </div>
        <p className="selectable mt-2 text-base leading-5.5 font-semibold text-balance">{task.title}</p>
        {isAtWork(task.phase) ? <Progress value={task.progress} label={task.id} className="mt-3" /> : null}
        {task.error === null ? null : <p className="selectable mt-2 text-xs break-words text-failed">{task.error}</p>}
      </div>
      <Unverified task={task} />
      <Actions task={task} />
      <Waiting task={task} />
      <WorkSection task={task} />
      {task.attempts.length === 0 ? null : (
        <Section title="inspector.attempts" count={task.attempts.length}>
          <div className="flex flex-col gap-1.5">
            {task.attempts.toReversed().map((attempt) => (
              <Attempt key={attempt.number} attempt={attempt} task={task} />
            ))}
          </div>
        </Section>
      )}
      <Section title="inspector.needs" count={task.needs.length}>
        <TaskLinks ids={task.needs} none="inspector.no_needs" />
      </Section>
      <Section title="inspector.dependents" count={dependents?.length ?? 0}>
        <TaskLinks ids={dependents ?? []} none="inspector.no_dependents" />
      </Section>
      <Facts task={task} />
      <Section title="inspector.prompt">
        <p className="selectable text-xs whitespace-pre-wrap text-ink-2">{task.prompt === '' ? t('inspector.none') : task.prompt}</p>
      </Section>
      <Section title="inspector.outputs">
        <CodeLines lines={task.outputs} none="inspector.none" />
      </Section>
      <Section title="inspector.acceptance">
        <CodeLines lines={task.acceptance.map((words) => words.join(' '))} none="inspector.none" />
      </Section>
    </div>
  );
}

export function Inspector() {
  const t = useText();
  const selected = useView((view) => view.selectedTask);
  const task = useTask(selected);
  const selectedHost = useView((view) => view.selectedHost);
  const host = useRun((data) => (selectedHost === null ? undefined : data.hosts[selectedHost]));
  return (
    <aside aria-label={t('inspector.title')} className="flex h-full min-h-0 flex-col bg-surface">
      <header className="flex h-9 shrink-0 items-center border-b border-line pr-1 pl-4">
        <h2 className="flex-1 text-xs font-semibold text-ink-2 tabular">{host === undefined ? (task?.id ?? t('inspector.run')) : `${t('host.title')} ${host.id}`}</h2>
        {host === undefined ? null : <CloseHost />}
        <IconButton icon={PanelRightClose} label={t('inspector.close')} className="size-6" onClick={() => openInspector(false)} />
      </header>
      {host === undefined ? null : <HostInspector key={host.id} host={host} />}
      {host === undefined && task === undefined ? <RunFacts /> : null}
      {host === undefined && task !== undefined ? <Body key={task.id} task={task} /> : null}
    </aside>
  );
}
