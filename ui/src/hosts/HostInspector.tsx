// Everything that is known of the selected host, in the place of the inspector: the graph and the
// timeline stay in sight, where its tasks stand out.

import { X } from 'lucide-react';

import { Chip, IconButton } from '../design/controls';
import { StateIcon } from '../design/StateIcon';
import { useLanguage, useText } from '../i18n';
import { Fact, Section, TaskLink } from '../inspector/parts';
import { clockApart, contactOf, hostCountsDown, isOutOfReach, lookOf, mayGiveUp, roundTripText, tasksOn } from '../model/hosts';
import { isOver } from '../model/phases';
import { dayAndTime, durationText } from '../model/time';
import type { AgentId, HostView } from '../platform/types';
import { useNow } from '../store/clock';
import { useRun, useRunShallow, useTasks } from '../store/run';
import { selectAgent, selectHost } from '../store/view';
import { HostActions, useCostText, useGiveUpCost } from './actions';
import { ContactIcon } from './ContactIcon';
import { Meters } from './Meters';
import { RunQuestion } from './QuestionForm';
import { contactWords, sinceWords } from './words';

function Head({ host }: { host: HostView }) {
  const t = useText();
  const language = useLanguage();
  const now = useNow(hostCountsDown(host));
  const contact = contactOf(host);
  return (
    <div className="px-4 pt-3.5 pb-3">
      <p className="flex items-center gap-1.5 text-sm" data-testid="host-contact" data-contact={contact}>
        <ContactIcon contact={lookOf(host)} size={15} />
        <span className="tabular">{contactWords(t, host, now)}</span>
      </p>
      {host.title === '' ? null : <p className="selectable mt-1.5 text-base leading-5.5 font-semibold text-balance">{host.title}</p>}
      {isOutOfReach(contact) && contact !== 'gone' ? (
        <p className="mt-1.5 text-xs text-ink-2 tabular">{sinceWords(t, host, language)}</p>
      ) : null}
      {contact === 'gone' ? <p className="mt-1.5 text-xs text-ink-2">{t('host.gone_text')}</p> : null}
      {host.problem === null ? null : <p className="selectable mt-2 text-xs wrap-anywhere text-ink-2">{host.problem}</p>}
    </div>
  );
}

function GiveUp({ host }: { host: HostView }) {
  const t = useText();
  const cost = useGiveUpCost(host.id);
  const text = useCostText(cost);
  if (!mayGiveUp(host)) return null;
  return (
    <Section title="host.give_up_cost">
      {cost.tasks.length === 0 ? null : (
        <p className="flex items-center gap-1.5 text-xs">
          <StateIcon phase="unverified" size={13} />
          {t('host.unverified', { count: cost.tasks.length })}
        </p>
      )}
      <p className="mt-0.5 text-xs text-ink-2 tabular">{text}</p>
    </Section>
  );
}

function Facts({ host }: { host: HostView }) {
  const t = useText();
  const language = useLanguage();
  const apart = clockApart(host);
  const clock = apart === null ? t('host.clock_good') : t(apart.key, { time: durationText(apart.seconds) });
  return (
    <Section title="inspector.facts">
      <dl className="grid grid-cols-[96px_minmax(0,1fr)] gap-x-3 gap-y-1">
        <Fact label="host.reached_by">{t(`host.transport.${host.transport}`, { address: host.address === '' ? host.id : host.address })}</Fact>
        {host.contact_since === null ? null : <Fact label="host.since">{dayAndTime(host.contact_since, language)}</Fact>}
        <Fact label="host.at_once">{t('host.at_once_text', { running: host.running, capacity: host.capacity })}</Fact>
        {host.round_trip_ms === null || isOutOfReach(contactOf(host)) ? null : <Fact label="host.round_trip">{roundTripText(host.round_trip_ms)}</Fact>}
        {host.clock_ahead_seconds === null ? null : (
          <Fact label="host.clock">
            <span className={apart === null ? '' : 'text-back-off'}>{clock}</span>
          </Fact>
        )}
        {host.labels.length === 0 ? null : (
          <Fact label="host.labels">
            <span className="flex flex-wrap gap-1">
              {host.labels.map((label) => (
                <Chip key={label}>{label}</Chip>
              ))}
            </span>
          </Fact>
        )}
      </dl>
    </Section>
  );
}

function AgentButton({ id }: { id: AgentId }) {
  const agent = useRun((data) => data.agents[id]);
  const task = useRun((data) => (agent?.task == null ? undefined : data.tasks[agent.task]));
  if (agent === undefined) return null;
  return (
    <button
      type="button"
      title={agent.title}
      onClick={() => selectAgent(id)}
      className="inline-flex h-6 items-center gap-1 rounded-md border border-line bg-raised px-1.5 text-xs tabular hover:border-line-strong hover:bg-hover"
    >
      {task === undefined ? null : <StateIcon phase={task.phase} size={12} />}
      {id}
    </button>
  );
}

function Work({ host }: { host: HostView }) {
  const t = useText();
  const agentIds = useRunShallow((data) => data.agentIds.filter((id) => data.agents[id]?.host === host.id));
  const agents = useRun((data) => data.agents);
  const open = tasksOn(host.id, useTasks(), agents).filter((task) => !isOver(task.phase));
  return (
    <>
      <Section title="host.tasks" count={open.length}>
        {open.length === 0 ? <p className="text-xs text-ink-3">{t('host.no_tasks')}</p> : null}
        <div className="flex flex-wrap gap-1">
          {open.map((task) => (
            <TaskLink key={task.id} id={task.id} />
          ))}
        </div>
      </Section>
      <Section title="host.agents" count={agentIds.length}>
        {agentIds.length === 0 ? <p className="text-xs text-ink-3">{t('host.no_agents')}</p> : null}
        <div className="flex flex-wrap gap-1">
          {agentIds.map((id) => (
            <AgentButton key={id} id={id} />
          ))}
        </div>
      </Section>
    </>
  );
}

export function HostInspector({ host }: { host: HostView }) {
  return (
    <div className="min-h-0 flex-1 overflow-y-auto" data-testid="host-inspector" data-host-id={host.id} data-contact={contactOf(host)}>
      <Head host={host} />
      {host.question === null ? null : (
        <div className="border-t border-line px-4 py-3">
          <RunQuestion host={host} />
        </div>
      )}
      <div className="px-4 pb-3 empty:hidden">
        <HostActions host={host} />
      </div>
      <GiveUp host={host} />
      {isOutOfReach(contactOf(host)) ? null : (
        <Section title="host.room">
          <Meters load={host.load} />
        </Section>
      )}
      <Work host={host} />
      <Facts host={host} />
    </div>
  );
}

/** Leaves the host for what the inspector showed before. */
export function CloseHost() {
  const t = useText();
  return <IconButton icon={X} label={t('host.close')} className="size-6" data-testid="host-close" onClick={() => selectHost(null)} />;
}
