// A host that needs the person: lost with work on it, or asking something before it can be reached.

import { StateIcon } from '../design/StateIcon';
import { HostActions, useCostText, useGiveUpCost } from '../hosts/actions';
import { LostWords } from '../hosts/LostHost';
import { RunQuestion } from '../hosts/QuestionForm';
import { useText } from '../i18n';
import { contactOf, isOutOfReach } from '../model/hosts';
import { durationText, millisOf } from '../model/time';
import type { HostView, InboxItem } from '../platform/types';
import { useNow } from '../store/clock';
import { useRun } from '../store/run';
import { openInspector, selectTask, showOverlay } from '../store/view';

function ByItself({ item }: { item: InboxItem }) {
  const t = useText();
  const now = useNow(item.answers_at !== null);
  if (item.answers_at === null) return <p className="mt-1.5 text-xs text-ink-2">{t('inbox.host_waits')}</p>;
  const left = Math.max(0, (millisOf(item.answers_at) - now) / 1000);
  return <p className="mt-1.5 text-xs text-ink-2 tabular">{t('inbox.host_moves', { time: durationText(Math.ceil(left)) })}</p>;
}

function Lost({ item, host }: { item: InboxItem; host: HostView }) {
  const cost = useGiveUpCost(host.id);
  const text = useCostText(cost);
  return (
    <>
      {isOutOfReach(contactOf(host)) && contactOf(host) !== 'gone' ? (
        <p className="mt-1 text-xs text-ink-2">
          <LostWords host={host} />
        </p>
      ) : null}
      {cost.tasks.length === 0 ? null : (
        <ul className="mt-1.5 flex flex-col gap-0.5">
          {cost.tasks.map((task) => (
            <li key={task.id} className="phase-unverified">
              <button
                type="button"
                onClick={() => {
                  selectTask(task.id, task.agent);
                  openInspector(true);
                  showOverlay(null);
                }}
                className="flex h-6 w-full items-center gap-1.5 rounded-md px-1 text-left text-xs hover:bg-hover"
              >
                <StateIcon phase={task.phase} size={13} />
                <span className="font-medium tabular">{task.id}</span>
                <span className="min-w-0 flex-1 truncate text-ink-2">{task.title}</span>
                <span className="shrink-0 text-2xs text-ink-3 tabular">{task.agent}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <ByItself item={item} />
      <div className="mt-2">
        <HostActions host={host} />
      </div>
      {cost.tasks.length === 0 ? null : <p className="mt-1.5 text-2xs text-ink-3 tabular">{text}</p>}
    </>
  );
}

export function HostItem({ item }: { item: InboxItem }) {
  const host = useRun((data) => (item.host === null ? undefined : data.hosts[item.host]));
  if (host === undefined) return null;
  if (item.kind === 'host_lost') return <Lost item={item} host={host} />;
  if (host.question === null) return null;
  return (
    <div className="mt-2">
      <RunQuestion host={host} />
    </div>
  );
}
