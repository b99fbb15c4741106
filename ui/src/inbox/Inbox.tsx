// What needs a person, newest first.

import { Inbox as InboxIcon } from 'lucide-react';
import { Popover } from 'radix-ui';
import { useEffect } from 'react';

import { Empty } from '../design/Empty';
import { useText } from '../i18n';
import { dropNotices } from '../store/dialogs';
import { useRun } from '../store/run';
import { markSeen, showOverlay, useView } from '../store/view';
import { NoticeItem } from './NoticeItem';

function List() {
  const t = useText();
  const notices = useRun((data) => data.notices);
  const last = notices.at(-1)?.id ?? 0;
  useEffect(() => {
    markSeen(last);
    dropNotices();
  }, [last]);
  if (notices.length === 0) return <Empty icon={InboxIcon} title={t('inbox.empty')} text={t('inbox.empty_text')} />;
  return (
    <ul className="max-h-[60vh] overflow-y-auto p-1">
      {notices.toReversed().map((notice) => (
        <li key={notice.id}>
          <NoticeItem notice={notice} />
        </li>
      ))}
    </ul>
  );
}

export function InboxButton() {
  const t = useText();
  const open = useView((view) => view.overlay === 'inbox');
  const seen = useView((view) => view.seenNotice);
  const unseen = useRun((data) => data.notices.filter((notice) => notice.id > seen).length);
  return (
    <Popover.Root open={open} onOpenChange={(next) => showOverlay(next ? 'inbox' : null)}>
      <Popover.Trigger
        data-testid="inbox-button"
        data-count={unseen}
        aria-label={t('inbox.button', { count: unseen })}
        className="relative inline-flex size-7 items-center justify-center rounded-md text-ink-2 hover:bg-hover hover:text-ink data-[state=open]:bg-hover"
      >
        <InboxIcon size={15} aria-hidden="true" />
        {unseen === 0 ? null : (
          <span className="absolute -top-0.5 -right-1 flex h-3.5 min-w-3.5 items-center justify-center rounded-full bg-failed px-0.5 text-[9px] leading-none font-bold text-[oklch(1_0_0)] tabular dark:text-canvas">
            {unseen > 99 ? '99+' : unseen}
          </span>
        )}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          aria-label={t('inbox.title')}
          align="end"
          sideOffset={6}
          collisionPadding={8}
          className="rising z-50 w-96 rounded-lg border border-line bg-raised shadow-float focus:outline-none"
        >
          <h2 className="border-b border-line px-3 py-2 text-xs font-semibold text-ink-2">{t('inbox.title')}</h2>
          <List />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
