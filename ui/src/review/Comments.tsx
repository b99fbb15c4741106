// Comments that are being written on a piece of work.

import { MessageSquare, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

import { Button, IconButton } from '../design/controls';
import { useText } from '../i18n';
import type { ReviewComment, TaskId } from '../platform/types';
import { addDraft, dropDraft, useDrafts } from '../store/comments';
import type { Draft } from '../store/comments';

export function placeOf(comment: ReviewComment, whole: string): string {
  if (comment.file === null) return whole;
  return comment.line === null ? comment.file : `${comment.file}:${comment.line}`;
}

/** Puts the focus back to where it was before a form that is gone: else the person begins at the top of the sheet again. */
export function useFocusBack(isOpen: boolean, to: () => HTMLElement | null | undefined): void {
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    const at = document.activeElement;
    if (wasOpen.current && !isOpen && (at === null || at === document.body || at.matches('[role="dialog"], [data-keys]'))) to()?.focus();
    wasOpen.current = isOpen;
  }, [isOpen, to]);
}

type Place = Pick<ReviewComment, 'file' | 'line'>;

export function CommentForm({ task, place, onDone }: { task: TaskId; place: Place; onDone: () => void }) {
  const t = useText();
  const [text, setText] = useState('');
  const where = placeOf({ ...place, text }, t('review_work.whole_work'));
  const add = (): void => {
    if (text.trim() === '') return;
    addDraft(task, { ...place, text: text.trim() });
    onDone();
  };
  return (
    <form
      data-testid="comment-form"
      className="flex max-w-180 flex-col gap-1.5 rounded-md border border-accent bg-raised p-2 font-sans"
      onSubmit={(event) => {
        event.preventDefault();
        add();
      }}
    >
      <p className="text-2xs wrap-anywhere text-ink-3">{where}</p>
      <textarea
        // The person has just asked for this field.
        // oxlint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        rows={3}
        aria-label={where}
        placeholder={t('review_work.comment_place')}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === 'Escape') onDone();
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) add();
        }}
        className="selectable resize-y rounded-md border border-line-strong bg-surface px-2 py-1 text-xs outline-none focus:border-accent"
      />
      <div className="flex gap-1.5">
        <Button type="submit" look="primary" disabled={text.trim() === ''} data-testid="comment-add">
          {t('review_work.add')}
        </Button>
        <Button onClick={onDone}>{t('review_work.cancel')}</Button>
      </div>
    </form>
  );
}

export function DraftCard({ task, draft, place = false }: { task: TaskId; draft: Draft; place?: boolean }) {
  const t = useText();
  return (
    <div data-testid={place ? 'draft' : 'draft-here'} className="flex items-start gap-2 rounded-md border border-line bg-raised px-2 py-1.5 font-sans">
      <MessageSquare size={13} className="mt-0.5 shrink-0 text-accent-ink" aria-hidden="true" />
      <div className="min-w-0 flex-1">
        {place ? <p className="text-2xs wrap-anywhere text-ink-3 tabular">{placeOf(draft, t('review_work.whole_work'))}</p> : null}
        <p className="selectable text-xs break-words whitespace-pre-wrap">{draft.text}</p>
      </div>
      <IconButton icon={X} label={t('review_work.drop')} className="-my-1.5 -mr-1" onClick={() => dropDraft(task, draft.id)} />
    </div>
  );
}

export function Drafts({ task }: { task: TaskId }) {
  const t = useText();
  const drafts = useDrafts(task);
  if (drafts.length === 0) return <p className="text-xs text-ink-3">{t('review_work.no_drafts')}</p>;
  return (
    <ul className="flex flex-col gap-1.5">
      {drafts.map((draft) => (
        <li key={draft.id}>
          <DraftCard task={task} draft={draft} place />
        </li>
      ))}
    </ul>
  );
}
