// One notice, in the inbox and in the corner of the window.

import {
  CircleAlert,
  CircleCheck,
  CircleDollarSign,
  FileDiff,
  FilePen,
  GitMerge,
  Hourglass,
  Layers2,
  ListX,
  OctagonX,
  PlugZap,
  ServerCrash,
  ServerOff,
  ShieldQuestion,
  TriangleAlert,
  Unplug,
  UserPlus,
} from 'lucide-react';
import type { LucideIcon } from 'lucide-react';

import { useLanguage, useText } from '../i18n';
import { timeOfDay } from '../model/time';
import type { Notice, NoticeKind } from '../platform/types';
import { useRun } from '../store/run';
import { openInspector, selectAgent, selectTask, showOverlay } from '../store/view';

const LOOKS: Record<NoticeKind, [icon: LucideIcon, colour: string]> = {
  attempt_failed: [TriangleAlert, 'text-back-off'],
  task_failed: [OctagonX, 'text-failed'],
  run_stuck: [OctagonX, 'text-failed'],
  run_completed: [CircleCheck, 'text-completed'],
  run_failed: [OctagonX, 'text-failed'],
  bad_status: [CircleAlert, 'text-back-off'],
  queue_edit_undone: [FilePen, 'text-back-off'],
  queue_edit_followed: [FilePen, 'text-running'],
  late_claim: [CircleAlert, 'text-back-off'],
  agent_joined: [UserPlus, 'text-running'],
  agent_problem: [TriangleAlert, 'text-failed'],
  state_problem: [OctagonX, 'text-failed'],
  host_lost: [ServerOff, 'text-unverified'],
  host_back: [PlugZap, 'text-completed'],
  host_given_up: [ServerCrash, 'text-back-off'],
  approval_asked: [ShieldQuestion, 'text-back-off'],
  budget_reached: [CircleDollarSign, 'text-back-off'],
  account_rests: [Hourglass, 'text-back-off'],
  runner_lost: [Unplug, 'text-failed'],
  runner_back: [PlugZap, 'text-completed'],
  overlap: [Layers2, 'text-back-off'],
  merge_conflict: [GitMerge, 'text-failed'],
  review_asked: [FileDiff, 'text-review'],
  verification_failed: [ListX, 'text-failed'],
};

export function NoticeItem({ notice }: { notice: Notice }) {
  const t = useText();
  const language = useLanguage();
  const agent = useRun((data) => (notice.task === null ? notice.agent : (data.tasks[notice.task]?.agent ?? notice.agent)));
  const [Icon, colour] = LOOKS[notice.kind];
  const title = t(`notice.${notice.kind}`, { task: notice.task ?? '', agent: agent ?? '' });
  const open = (): void => {
    if (notice.task !== null) {
      selectTask(notice.task, agent);
      openInspector(true);
    } else if (notice.agent !== null) selectAgent(notice.agent);
    showOverlay(null);
  };
  return (
    <button
      type="button"
      data-testid="notice"
      data-kind={notice.kind}
      data-task-id={notice.task ?? ''}
      onClick={open}
      className="flex w-full items-start gap-2.5 rounded-md px-2 py-2 text-left hover:bg-hover"
    >
      <Icon size={15} className={`mt-0.5 shrink-0 ${colour}`} aria-hidden="true" />
      <span className="min-w-0 flex-1">
        <span className="flex items-baseline gap-2">
          <span className="min-w-0 flex-1 text-sm font-medium">{title}</span>
          <time className="shrink-0 text-2xs text-ink-3 tabular" dateTime={notice.at}>
            {timeOfDay(notice.at, language)}
          </time>
        </span>
        {notice.detail === '' ? null : <span className="line-clamp-3 text-xs break-words text-ink-2">{notice.detail}</span>}
        {notice.blocks === 0 ? null : <span className="block text-2xs text-ink-3">{t('notice.blocks', { count: notice.blocks })}</span>}
      </span>
    </button>
  );
}
