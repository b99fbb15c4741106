// What a person can do about a host that cannot be reached.

import { RotateCw, Shuffle } from 'lucide-react';

import { Button } from '../design/controls';
import { useText } from '../i18n';
import { giveUpCost, mayGiveUp, mayTryNow } from '../model/hosts';
import type { GiveUpCost } from '../model/hosts';
import { moneyText } from '../model/money';
import { durationText } from '../model/time';
import type { HostId, HostView } from '../platform/types';
import { useNow } from '../store/clock';
import { useCommands } from '../store/context';
import { useRun, useTasks } from '../store/run';

/** What giving the host up would cost at this moment. */
export function useGiveUpCost(host: HostId): GiveUpCost {
  const tasks = useTasks();
  const agents = useRun((data) => data.agents);
  const now = useNow(tasks.some((task) => task.phase === 'unverified'));
  return giveUpCost(host, tasks, agents, now);
}

/** The same as a sentence. */
export function useCostText(cost: GiveUpCost): string {
  const t = useText();
  if (cost.tasks.length === 0) return t('host.cost_none');
  const time = durationText(Math.round(cost.seconds));
  return cost.usd === null ? t('host.cost', { time }) : t('host.cost_usd', { time, usd: moneyText(cost.usd) });
}

export function HostActions({ host }: { host: HostView }) {
  const t = useText();
  const commands = useCommands();
  const cost = useGiveUpCost(host.id);
  const detail = useCostText(cost);
  const lines = cost.tasks.map((task) => `${task.id}  ${task.title}  (${task.agent})`);
  if (!mayTryNow(host) && !mayGiveUp(host)) return null;
  return (
    <div className="flex flex-wrap gap-1.5">
      {mayTryNow(host) ? (
        <Button icon={RotateCw} data-testid="host-try-now" onClick={() => void commands.answerHost(host.id, { answer: 'try_again' })}>
          {t('host.try_now')}
        </Button>
      ) : null}
      {mayGiveUp(host) ? (
        <Button icon={Shuffle} data-testid="host-give-up" onClick={() => void commands.giveUpHost(host.id, { detail, lines })}>
          {t('host.give_up')}
        </Button>
      ) : null}
    </div>
  );
}
