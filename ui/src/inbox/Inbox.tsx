// What waits for the person, and below it what should be known, newest first.

import { Inbox as InboxIcon } from 'lucide-react';
import { Popover } from 'radix-ui';
import { useEffect } from 'react';

import { Empty } from '../design/Empty';
import { useText } from '../i18n';
import type { Notice } from '../platform/types';
import { dropNotices } from '../store/dialogs';
import { useRun } from '../store/run';
import { markSeen, showOverlay, useView } from '../store/view';
import { ItemCard } from './ItemCard';
import { NoticeItem } from './NoticeItem';

/** Whether something stands in the inbox itself as well: it must not be counted twice. */
function isAskedAnyway(notice: Notice): boolean {
  return notice.kind === 'approval_asked' || notice.kind === 'budget_reached' || notice.kind === 'review_asked' || notice.kind === 'verification_failed';
}

function List() {
  const t = useText();
  const all = useRun((data) => data.notices);
  const last = all.at(-1)?.id ?? 0;
  useEffect(() => {
    markSeen(last);
    dropNotices();
  }, [last]);
  const items = useRun((data) => data.inbox);
  const notices = all.filter((notice) => !isAskedAnyway(notice) || items.every((item) => item.task !== notice.task));
  if (notices.length + items.length === 0) return <Empty icon={InboxIcon} title={t('inbox.empty')} text={t('inbox.empty_text')} />;
  return (
    <div className="max-h-[70vh] overflow-y-auto">
      {items.length === 0 ? null : (
        <ul aria-label={t('inbox.waiting')} className="divide-y divide-line border-b border-line">
          {items.map((item) => (
            <li key={item.id}>
              <ItemCard item={item} />
            </li>
          ))}
        </ul>
      )}
      {notices.length === 0 ? null : (
        <ul aria-label={t('inbox.news')} className="p-1">
          {notices.toReversed().map((notice) => (
            <li key={notice.id}>
              <NoticeItem notice={notice} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function InboxButton() {
  const t = useText();
  const open = useView((view) => view.overlay === 'inbox');
  const seen = useView((view) => view.seenNotice);
  const unseen = useRun((data) => data.notices.filter((notice) => notice.id > seen && !isAskedAnyway(notice)).length);
  const waiting = useRun((data) => data.inbox.length);
  const count = waiting + unseen;
  return (
    <Popover.Root open={open} onOpenChange={(next) => showOverlay(next ? 'inbox' : null)}>
      <Popover.Trigger
        data-testid="inbox-button"
        data-count={unseen}
        data-waiting={waiting}
        aria-label={t('inbox.button', { count: unseen, waiting })}
        className="relative inline-flex size-7 items-center justify-center rounded-md text-ink-2 hover:bg-hover hover:text-ink data-[state=open]:bg-hover"
      >
        <InboxIcon size={15} aria-hidden="true" />
        {count === 0 ? null : (
          <span aria-hidden="true" className="absolute -top-0.5 -right-1 flex h-3.5 min-w-3.5 items-center justify-center rounded-full bg-failed px-0.5 text-[9px] leading-none font-bold text-[oklch(1_0_0)] tabular dark:text-canvas">
            {count > 99 ? '99+' : count}
          </span>
        )}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          aria-label={t('inbox.title')}
          align="end"
          sideOffset={6}
          collisionPadding={8}
          className="rising z-50 w-[26rem] rounded-lg border border-line bg-raised shadow-float focus:outline-none"
        >
          <h2 className="border-b border-line px-3 py-2 text-xs font-semibold text-ink-2">{t('inbox.title')}</h2>
          <List />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
