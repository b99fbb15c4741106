// Everything by name: tasks, agents and commands, on Ctrl-K.

import { Bot, Download, GitBranch, GitPullRequest, History, Inbox, Keyboard, ListChecks, Maximize, Pause, Play, Settings2 } from 'lucide-react';
import { Command } from 'cmdk';
import type { ReactNode } from 'react';

import { StateIcon } from '../design/StateIcon';
import { ContactIcon } from '../hosts/ContactIcon';
import { useText } from '../i18n';
import { matchesText } from '../model/filters';
import { lookOf } from '../model/hosts';
import { mayPauseRun } from '../model/phases';
import { useCommands, useSession } from '../store/context';
import { openPast } from '../store/past';
import { mayPull } from '../work/PullSheet';
import { useAgents, useHosts, useRun, useTasks } from '../store/run';
import { openInspector, selectAgent, selectHost, selectTask, showOverlay, toggleMaximised, useView } from '../store/view';
import { useState } from 'react';

const MOST_TASKS = 40;
const ITEM = 'mx-1 flex h-8 items-center gap-2.5 rounded-md px-2.5 text-sm';

function Item({ value, icon, onSelect, children }: { value: string; icon: ReactNode; onSelect: () => void; children: ReactNode }) {
  return (
    <Command.Item
      value={value}
      className={ITEM}
      onSelect={() => {
        showOverlay(null);
        onSelect();
      }}
    >
      {icon}
      {children}
    </Command.Item>
  );
}

function Actions({ query }: { query: string }) {
  const t = useText();
  const commands = useCommands();
  const phase = useRun((data) => data.run.phase);
  const { platform } = useSession();
  const verification = useRun((data) => data.run.verification !== null);
  const pull = useRun((data) => mayPull(data.run.git));
  const paused = phase === 'paused';
  const pause = { label: paused ? t('action.resume') : t('action.pause'), icon: paused ? Play : Pause, act: () => void (paused ? commands.resume() : commands.pause()) };
  const actions = [
    ...(paused || mayPauseRun(phase) ? [pause] : []),
    { label: t('export.title'), icon: Download, act: () => showOverlay('export') },
    { label: t('trees.title'), icon: GitBranch, act: () => showOverlay('trees') },
    ...(verification ? [{ label: t('verify.title'), icon: ListChecks, act: () => showOverlay('verification') }] : []),
    ...(pull ? [{ label: t('pull.title'), icon: GitPullRequest, act: () => showOverlay('pull_request') }] : []),
    { label: t('history.open'), icon: History, act: () => void openPast(platform) },
    { label: t('inbox.title'), icon: Inbox, act: () => showOverlay('inbox') },
    { label: t('palette.maximise', { pane: t('graph.title') }), icon: Maximize, act: () => toggleMaximised('graph') },
    { label: t('palette.maximise', { pane: t('timeline.title') }), icon: Maximize, act: () => toggleMaximised('timeline') },
    { label: t('palette.maximise', { pane: t('logs.title') }), icon: Maximize, act: () => toggleMaximised('logs') },
    { label: t('settings.title'), icon: Settings2, act: () => showOverlay('settings') },
    { label: t('keys.title'), icon: Keyboard, act: () => showOverlay('keys') },
  ].filter((action) => action.label.toLowerCase().includes(query.toLowerCase()));
  if (actions.length === 0) return null;
  return (
    <Command.Group heading={t('palette.commands')}>
      {actions.map(({ label, icon: Icon, act }) => (
        <Item key={label} value={`command ${label}`} icon={<Icon size={14} className="text-ink-3" aria-hidden="true" />} onSelect={act}>
          {label}
        </Item>
      ))}
    </Command.Group>
  );
}

function Found({ query }: { query: string }) {
  const t = useText();
  const tasks = useTasks().filter((task) => matchesText(task, query)).slice(0, MOST_TASKS);
  const agents = useAgents().filter((agent) => `${agent.id} ${agent.title} ${agent.host}`.toLowerCase().includes(query.toLowerCase()));
  const hosts = useHosts().filter((host) => [host.id, host.title, ...host.labels].join(' ').toLowerCase().includes(query.toLowerCase()));
  return (
    <>
      {tasks.length === 0 ? null : (
        <Command.Group heading={t('palette.tasks')}>
          {tasks.map((task) => (
            <Item
              key={task.id}
              value={`task ${task.id}`}
              icon={<StateIcon phase={task.phase} />}
              onSelect={() => {
                selectTask(task.id, task.agent);
                openInspector(true);
              }}
            >
              <span className="w-16 shrink-0 font-medium tabular">{task.id}</span>
              <span className="min-w-0 flex-1 truncate text-ink-2">{task.title}</span>
              <span className="text-2xs text-ink-3">{task.agent}</span>
            </Item>
          ))}
        </Command.Group>
      )}
      {agents.length === 0 ? null : (
        <Command.Group heading={t('palette.agents')}>
          {agents.slice(0, MOST_TASKS).map((agent) => (
            <Item
              key={agent.id}
              value={`agent ${agent.id}`}
              icon={<Bot size={14} className="text-ink-3" aria-hidden="true" />}
              onSelect={() => selectAgent(agent.id, agent.task)}
            >
              <span className="w-16 shrink-0 font-medium tabular">{agent.id}</span>
              <span className="min-w-0 flex-1 truncate text-ink-2">{agent.title}</span>
              <span className="text-2xs text-ink-3">{agent.host}</span>
            </Item>
          ))}
        </Command.Group>
      )}
      {hosts.length === 0 ? null : (
        <Command.Group heading={t('palette.hosts')}>
          {hosts.map((host) => (
            <Item key={host.id} value={`host ${host.id}`} icon={<ContactIcon contact={lookOf(host)} size={14} />} onSelect={() => selectHost(host.id)}>
              <span className="w-16 shrink-0 truncate font-medium">{host.id}</span>
              <span className="min-w-0 flex-1 truncate text-ink-2">{host.title}</span>
              <span className="text-2xs text-ink-3">{t(`contact.${lookOf(host)}`)}</span>
            </Item>
          ))}
        </Command.Group>
      )}
    </>
  );
}

function Body() {
  const t = useText();
  const [query, setQuery] = useState('');
  return (
    <>
      <Command.Input
        value={query}
        onValueChange={setQuery}
        placeholder={t('palette.placeholder')}
        className="h-11 w-full border-b border-line bg-transparent px-4 text-base outline-none placeholder:text-ink-3"
      />
      <Command.List className="max-h-[50vh] overflow-y-auto pb-1">
        <Command.Empty className="px-4 py-6 text-center text-sm text-ink-3">{t('palette.nothing')}</Command.Empty>
        <Actions query={query} />
        <Found query={query} />
      </Command.List>
    </>
  );
}

export function Palette() {
  const t = useText();
  const open = useView((view) => view.overlay === 'palette');
  return (
    <Command.Dialog
      open={open}
      onOpenChange={(next) => showOverlay(next ? 'palette' : null)}
      label={t('palette.title')}
      shouldFilter={false}
      overlayClassName="fixed inset-0 z-40 bg-[oklch(0.15_0.02_280/0.4)]"
      contentClassName="rising fixed top-[14vh] left-1/2 z-50 w-[560px] max-w-[92vw] -translate-x-1/2 overflow-hidden rounded-lg border border-line bg-raised shadow-float focus:outline-none"
    >
      <Body />
    </Command.Dialog>
  );
}
