// The menu that gives a task to another agent. Those who may take it come first; the others say
// why they may not.

import { ArrowRightLeft } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';

import { Button } from '../design/controls';
import { ITEM_LOOK, MENU_LOOK } from '../design/menus';
import { useText } from '../i18n';
import { reassignBlocker } from '../model/phases';
import { reassignTargets } from '../model/reassign';
import type { Target } from '../model/reassign';
import type { TaskView } from '../platform/types';
import { useCommands } from '../store/context';
import { useAgents, useRunMoment } from '../store/run';
import { openReassignMenu, useView } from '../store/view';

function TargetItem({ task, target }: { task: TaskView; target: Target }) {
  const t = useText();
  const commands = useCommands();
  const { agent, refusal } = target;
  const free = agent.task === null ? t('agent.idle') : agent.task;
  const note = refusal === null ? free : t(refusal, { host: task.host ?? '' });
  return (
    <DropdownMenu.Item
      disabled={refusal !== null}
      data-testid="reassign-option"
      data-agent-id={agent.id}
      className={ITEM_LOOK}
      onSelect={() => void commands.reassign(task, agent)}
    >
      <span className="w-12 text-xs font-medium tabular">{agent.id}</span>
      <span className="text-xs text-ink-3">{agent.title}</span>
      <span className="ml-auto pl-4 text-2xs text-ink-3">{note}</span>
    </DropdownMenu.Item>
  );
}

function Group({ task, label, targets }: { task: TaskView; label: string; targets: readonly Target[] }) {
  if (targets.length === 0) return null;
  return (
    <DropdownMenu.Group>
      <DropdownMenu.Label className="px-2 py-1 text-2xs text-ink-3">{label}</DropdownMenu.Label>
      {targets.map((target) => (
        <TargetItem key={target.agent.id} task={task} target={target} />
      ))}
    </DropdownMenu.Group>
  );
}

function Targets({ task }: { task: TaskView }) {
  const t = useText();
  const targets = reassignTargets(task, useAgents());
  const allowed = targets.filter((target) => target.refusal === null);
  const kin = allowed.filter((target) => !target.crosses);
  return (
    <>
      <Group task={task} label={t('reassign.to', { task: task.id })} targets={kin} />
      {kin.length === 0 ? <p className="px-2 pb-2 text-xs text-ink-3">{t('reassign.nobody', { kind: task.kind })}</p> : null}
      <Group task={task} label={t('reassign.across')} targets={allowed.filter((target) => target.crosses)} />
      <DropdownMenu.Separator className="my-1 h-px bg-line" />
      <Group task={task} label={t('reassign.not')} targets={targets.filter((target) => target.refusal !== null)} />
    </>
  );
}

export function ReassignMenu({ task }: { task: TaskView }) {
  const t = useText();
  const open = useView((view) => view.reassignMenu);
  const runPhase = useRunMoment();
  const blocker = reassignBlocker(task, runPhase);
  const button = (
    <Button icon={ArrowRightLeft} disabled={blocker !== null} data-testid="reassign-button" {...(blocker === null ? {} : { hint: t(blocker) })}>
      {t('action.reassign')}
    </Button>
  );
  if (blocker !== null) return button;
  return (
    <DropdownMenu.Root open={open} onOpenChange={openReassignMenu}>
      <DropdownMenu.Trigger asChild>{button}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content data-testid="reassign-menu" align="start" sideOffset={4} collisionPadding={8} className={`${MENU_LOOK} w-72`}>
          <Targets task={task} />
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
