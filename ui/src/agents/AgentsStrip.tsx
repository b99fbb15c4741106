// The agents, grouped by host with its load and capacity. Each is a place to drop a task on, always
// in sight below whatever the task is dragged from.

import { CircleAlert, Hourglass, Users } from 'lucide-react';
import { memo } from 'react';

import { DROP_LOOK, useAgentDrop } from '../app/drag';
import { Hint } from '../design/controls';
import { StateIcon } from '../design/StateIcon';
import { Empty } from '../design/Empty';
import { useLanguage, useText } from '../i18n';
import { moneyText } from '../model/money';
import { timeOfDay } from '../model/time';
import { HostChip } from '../hosts/HostChip';
import type { AgentId, HostId } from '../platform/types';
import { useRun, useRunShallow, useTask } from '../store/run';
import { selectAgent, useView } from '../store/view';
import { agentState } from './agentState';

const AgentItem = memo(function AgentItem({ id }: { id: AgentId }) {
  const t = useText();
  const language = useLanguage();
  const agent = useRun((data) => data.agents[id]);
  const task = useTask(agent?.task ?? null);
  const selected = useView((view) => view.selectedAgent === id);
  const drop = useAgentDrop(id);
  if (agent === undefined) return null;
  const state = t(`agent.${agentState(agent)}`);
  const now = task === undefined ? state : `${task.id} ${task.title}`;
  const rests = agent.rests_until === null ? null : t('agent.rests', { account: agent.account, time: timeOfDay(agent.rests_until, language) });
  const cost = agent.usage.cost_usd === null ? null : moneyText(agent.usage.cost_usd);
  const text = [agent.title, now, agent.activity, rests, cost, agent.problem].filter(Boolean).join(' · ');
  return (
    <li
      {...drop.place}
      data-testid="agent-target"
      data-agent-id={id}
      className={`relative overflow-hidden rounded-md ${DROP_LOOK[drop.state]}`}
    >
      <Hint text={text}>
        <button
          type="button"
          aria-pressed={selected}
          aria-label={`${id}, ${text}`}
          onClick={() => selectAgent(id, agent.task)}
          className="flex h-6 items-center gap-1.5 rounded-md px-1.5 hover:bg-hover aria-pressed:bg-accent-soft"
        >
          {task === undefined ? (
            <span className="flex size-3 items-center justify-center" aria-hidden="true">
              <span className={`size-1.5 rounded-full ${agent.status === null ? 'border border-ink-3' : 'bg-line-strong'}`} />
            </span>
          ) : (
            <StateIcon phase={task.phase} size={12} />
          )}
          <span className={`text-xs tabular ${task === undefined ? 'text-ink-2' : 'font-medium text-ink'}`}>{id}</span>
          {agent.rests_until === null ? null : <Hourglass size={11} className="text-back-off" aria-hidden="true" />}
          {agent.problem === null ? null : <CircleAlert size={12} className="text-failed" aria-hidden="true" />}
        </button>
      </Hint>
      {task === undefined ? null : (
        <span
          aria-hidden="true"
          className={`phase-${task.phase === 'unverified' ? 'unverified' : 'running'} absolute inset-x-1.5 bottom-0 h-0.5 origin-left rounded-full bg-(--phase)`}
          style={{ transform: `scaleX(${agent.progress})` }}
        />
      )}
    </li>
  );
});

function HostGroup({ id }: { id: HostId }) {
  const t = useText();
  const host = useRun((data) => data.hosts[id]);
  const agents = useRunShallow((data) => data.agentIds.filter((agent) => data.agents[agent]?.host === id));
  if (host === undefined) return null;
  return (
    <div className="flex min-w-0 flex-wrap items-center gap-x-0.5 gap-y-0.5">
      <h3 className="contents">
        <HostChip id={id} />
      </h3>
      {agents.length === 0 ? (
        <span className="text-2xs text-ink-3">{t('host.no_agents')}</span>
      ) : (
        <ul aria-label={host.id} className="contents">
          {agents.map((agent) => (
            <AgentItem key={agent} id={agent} />
          ))}
        </ul>
      )}
    </div>
  );
}

export function AgentsStrip() {
  const t = useText();
  const hosts = useRun((data) => data.hostIds);
  const none = useRun((data) => data.agentIds.length === 0);
  return (
    <section aria-label={t('agents.title')} data-drag-scroll className="max-h-24 shrink-0 overflow-y-auto border-t border-line bg-sunken px-3 py-1.5">
      {none ? (
        <Empty icon={Users} title={t('agents.empty')} />
      ) : (
        <div className="flex flex-wrap gap-x-5 gap-y-0.5">
          {hosts.map((host) => (
            <HostGroup key={host} id={host} />
          ))}
        </div>
      )}
    </section>
  );
}
