// The review of a task's work: its files, their differences, what the checks said, and what a person says.

import { ArrowDown, ArrowUp, Check, CircleAlert, MessageSquarePlus, Undo2, X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import { Fragment, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import type { ViewType } from 'react-diff-view';

import { Button, Chip, IconButton } from '../design/controls';
import { PickMenu, Segmented } from '../design/menus';
import { StateIcon } from '../design/StateIcon';
import { useText } from '../i18n';
import { addedAndRemoved, maySendBack, reviewedAttempt } from '../model/work';
import type { FileChange, TaskDiff, TaskView } from '../platform/types';
import { dropDrafts, useDrafts } from '../store/comments';
import { useCommands } from '../store/context';
import { ask } from '../store/dialogs';
import { useTask } from '../store/run';
import { showOverlay, useView } from '../store/view';
import { Checks, Counts } from './Checks';
import { CommentForm, DraftCard, Drafts, useFocusBack } from './Comments';
import { FileDiff } from './FileDiff';
import { useDiff } from './useDiff';

const KIND_LOOK = { added: 'text-completed', modified: 'text-back-off', removed: 'text-failed', renamed: 'text-running' } as const;
const KIND_LETTER = { added: 'A', modified: 'M', removed: 'D', renamed: 'R' } as const;

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

function FileLine({ file, chosen, comments, onChoose }: { file: FileChange; chosen: boolean; comments: number; onChoose: () => void }) {
  const t = useText();
  return (
    <button
      type="button"
      data-testid="review-file"
      data-path={file.path}
      aria-current={chosen}
      title={file.path}
      onClick={onChoose}
      className="flex h-7 w-full shrink-0 items-center gap-2 rounded-md px-2 text-left text-xs hover:bg-hover aria-[current=true]:bg-hover aria-[current=true]:font-medium aria-[current=true]:shadow-[inset_2px_0_0_var(--accent)]"
    >
      <span className={`w-3 shrink-0 font-mono text-2xs font-bold ${KIND_LOOK[file.kind]}`} aria-label={t(`review_work.kind.${file.kind}`)} role="img">
        {KIND_LETTER[file.kind]}
      </span>
      <span className="min-w-0 flex-1 truncate">{file.path.slice(folderOf(file.path).length)}</span>
      {comments === 0 ? null : <Chip tone="accent">{comments}</Chip>}
      {file.binary ? null : <Counts added={file.added} removed={file.removed} />}
    </button>
  );
}

/** The files below their folders: a path in one line would leave no room for its name. */
function FileList({ files, shown, task, onChoose }: { files: readonly FileChange[]; shown: FileChange | undefined; task: TaskView; onChoose: (path: string) => void }) {
  const drafts = useDrafts(task.id);
  return files.map((one, index) => {
    const folder = folderOf(one.path);
    const before = files[index - 1];
    const isNew = folder !== '' && (before === undefined || folderOf(before.path) !== folder);
    return (
      <Fragment key={one.path}>
        {isNew ? (
          // What tells folders apart is at their end.
          <p title={folder} className="shrink-0 truncate px-2 pt-1.5 text-left text-2xs text-ink-3 [direction:rtl]">
            <bdi dir="ltr">{folder}</bdi>
          </p>
        ) : null}
        <FileLine file={one} chosen={one === shown} comments={drafts.filter((draft) => draft.file === one.path).length} onChoose={() => onChoose(one.path)} />
      </Fragment>
    );
  });
}

type ShownProps = { task: TaskView; diff: TaskDiff; file: FileChange; view: ViewType; asked: number | 'file' | null; onAsk: (line: number | 'file' | null) => void; onWhole: (file: string) => void };

function ShownFile({ task, diff, file, view, asked, onAsk, onWhole }: ShownProps) {
  const t = useText();
  const drafts = useDrafts(task.id);
  const patch = diff.patches.find((one) => one.path === file.path);
  const below = useMemo(() => {
    const found = new Map<number, ReactNode>();
    const lines = new Set(drafts.filter((draft) => draft.file === file.path).flatMap((draft) => draft.line ?? []));
    if (typeof asked === 'number') lines.add(asked);
    for (const line of lines) {
      found.set(
        line,
        <div className="flex flex-col gap-1.5">
          {drafts.filter((draft) => draft.file === file.path && draft.line === line).map((draft) => (
            <DraftCard key={draft.id} task={task.id} draft={draft} />
          ))}
          {asked === line ? <CommentForm task={task.id} place={{ file: file.path, line }} onDone={() => onAsk(null)} /> : null}
        </div>,
      );
    }
    return found;
  }, [drafts, asked, file.path, task.id, onAsk]);
  const scrolled = useRef<HTMLDivElement>(null);
  // The next file begins at its top, wherever this one was left.
  useEffect(() => {
    if (scrolled.current !== null) scrolled.current.scrollTop = 0;
  }, [file.path]);
  return (
    <section aria-label={file.path} className="flex min-h-0 min-w-0 flex-1 flex-col">
      <header className="flex h-9 shrink-0 items-center gap-2 border-b border-line px-3 text-xs">
        <span className="selectable min-w-0 truncate font-mono" title={file.path} data-testid="shown-file">{file.path}</span>
        <span className={`text-2xs ${KIND_LOOK[file.kind]} ${file.from === null ? 'shrink-0' : 'min-w-0 truncate'}`}>
          {file.from === null ? t(`review_work.kind.${file.kind}`) : t('review_work.renamed', { from: file.from })}
        </span>
        {file.binary ? null : <Counts added={file.added} removed={file.removed} />}
        <IconButton icon={MessageSquarePlus} label={t('review_work.comment_file')} className="ml-auto size-6" onClick={() => onAsk('file')} />
      </header>
      {asked === 'file' ? (
        <div className="border-b border-line bg-sunken p-2">
          <CommentForm task={task.id} place={{ file: file.path, line: null }} onDone={() => onAsk(null)} />
        </div>
      ) : null}
      {/* Differences must be scrolled by the keyboard too. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div ref={scrolled} tabIndex={0} role="region" aria-label={t('work.changes')} className="min-h-0 flex-1 overflow-auto bg-surface">
        {patch === undefined ? <p className="px-3 py-3 text-xs text-ink-3">{t('review_work.no_text')}</p> : <FileDiff key={file.path} file={file} patch={patch} view={view} below={below} onLine={onAsk} onWhole={() => onWhole(file.path)} />}
      </div>
    </section>
  );
}

function Side({ task, attempt }: { task: TaskView; attempt: number | null }) {
  const t = useText();
  const [whole, setWhole] = useState(false);
  const about = useRef<HTMLDivElement>(null);
  useFocusBack(whole, useCallback(() => about.current?.querySelector('button'), []));
  const evidence = task.attempts.find((one) => one.number === attempt)?.evidence ?? null;
  return (
    <aside className="flex w-84 shrink-0 flex-col gap-4 overflow-y-auto border-l border-line p-3 max-[1100px]:w-64">
      <section>
        <h3 className="mb-1.5 text-2xs font-semibold text-ink-3">{t('review_work.drafts')}</h3>
        <Drafts task={task.id} />
        <div ref={about} className="mt-2">
          {whole ? <CommentForm task={task.id} place={{ file: null, line: null }} onDone={() => setWhole(false)} /> : <Button onClick={() => setWhole(true)}>{t('review_work.comment_all')}</Button>}
        </div>
      </section>
      <section>
        <h3 className="mb-1.5 text-2xs font-semibold text-ink-3">{t('review_work.evidence')}</h3>
        {evidence === null || evidence.checks.length === 0 ? <p className="text-xs text-ink-3">{t('review_work.no_evidence')}</p> : <Checks checks={evidence.checks} label={t('review_work.evidence')} />}
      </section>
    </aside>
  );
}

function Verdict({ task }: { task: TaskView }) {
  const t = useText();
  const commands = useCommands();
  const drafts = useDrafts(task.id);
  const [busy, setBusy] = useState(false);
  const acceptButton = useRef<HTMLButtonElement>(null);
  const act = async (told: Promise<boolean>): Promise<void> => {
    setBusy(true);
    if (await told) {
      dropDrafts(task.id);
      showOverlay(null);
    }
    setBusy(false);
  };
  const comments = drafts.map(({ file, line, text }) => ({ file, line, text }));
  // What was written goes nowhere with an acceptance: nobody should lose it unasked.
  const accept = async (): Promise<void> => {
    const agreed = drafts.length === 0 || (await ask({ title: 'confirm.accept.title', body: 'confirm.accept.body', values: { task: task.id }, detail: '', confirm: 'work.accept', tone: 'plain' }));
    if (agreed) await act(commands.accept(task.id));
    // The question took the focus along; the next frame is the first one without it.
    else requestAnimationFrame(() => acceptButton.current?.focus());
  };
  return (
    <>
      {maySendBack(task) ? (
        <Button icon={Undo2} data-testid="send-back" disabled={busy || drafts.length === 0} onClick={() => void act(commands.sendBack(task.id, comments))} {...(drafts.length === 0 ? { hint: t('review_work.no_drafts') } : {})}>
          {drafts.length === 0 ? t('work.send_back') : t('work.send_back_with', { count: drafts.length })}
        </Button>
      ) : null}
      {task.phase === 'review' ? (
        <Button ref={acceptButton} icon={Check} look="primary" data-testid="accept" disabled={busy} onClick={() => void accept()}>
          {t('work.accept')}
        </Button>
      ) : null}
    </>
  );
}

function Body({ task }: { task: TaskView }) {
  const t = useText();
  const wanted = useView((view) => view.reviewAttempt);
  const attempt = wanted ?? reviewedAttempt(task);
  const commit = task.attempts.find((one) => one.number === attempt)?.tree?.commit ?? '';
  const { diff, error, fetchWhole } = useDiff(task.id, attempt, commit);
  const [path, setPath] = useState<string | null>(null);
  const [view, setView] = useState<ViewType>('unified');
  const [asked, setAsked] = useState<number | 'file' | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const askedLast = useRef(asked);
  useEffect(() => {
    if (asked !== null) askedLast.current = asked;
  }, [asked]);
  const files = diff?.work.files ?? [];
  const at = Math.max(0, files.findIndex((file) => file.path === path));
  const file = files[at];
  const choose = useCallback((next: string | undefined) => {
    if (next === undefined) return;
    setPath(next);
    setAsked(null);
  }, []);
  const step = (by: number): void => choose(files[Math.min(files.length - 1, Math.max(0, at + by))]?.path);
  useEffect(() => frame.current?.focus(), []);
  useFocusBack(asked !== null, useCallback(() => frame.current?.querySelector<HTMLElement>(`button[data-line="${askedLast.current}"]`) ?? frame.current, []));
  const attempts = task.attempts.map((one) => ({ value: String(one.number), label: t('attempt.number', { number: one.number }), note: one.agent }));
  const sum = diff === null ? null : addedAndRemoved(diff.work);
  return (
    // Its keys belong to the whole sheet.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      ref={frame}
      tabIndex={-1}
      data-keys
      className="flex h-full flex-col focus:outline-none"
      onKeyDown={(event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || (event.target instanceof Element && event.target.closest('textarea, input') !== null)) return;
        const keys: Record<string, () => void> = { n: () => step(1), j: () => step(1), p: () => step(-1), k: () => step(-1), c: () => setAsked('file') };
        const act = keys[event.key];
        if (act === undefined) return;
        event.preventDefault();
        act();
      }}
    >
      <header className="flex min-h-12 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line py-1.5 pr-2 pl-4 max-[1100px]:gap-x-2">
        <Dialog.Title className="text-base font-semibold">{t('review_work.title', { task: task.id })}</Dialog.Title>
        <span className={`phase-${task.phase}`}>
          <Chip tone="phase">
            <StateIcon phase={task.phase} size={12} />
            {t(`phase.${task.phase}`)}
          </Chip>
        </span>
        <PickMenu label={t('review_work.attempt')} value={String(attempt ?? task.attempts.length)} options={attempts} onPick={(value) => useView.setState({ reviewAttempt: Number(value) })} />
        <span className="contents max-[1100px]:hidden">{sum === null ? null : <Counts added={sum.added} removed={sum.removed} />}</span>
        <span title={task.title} className="min-w-0 flex-1 truncate text-xs text-ink-3">
          <span className="max-[1100px]:hidden">{task.title}</span>
        </span>
        {/* Together, so that in a narrow window they go to a line of their own, and not the last of them alone. */}
        <span className="ml-auto flex items-center gap-3 max-[1100px]:gap-2">
          <Segmented
            label={t('review_work.view')}
            value={view}
            options={[
              { value: 'unified', label: t('review_work.unified'), testId: 'view-unified' },
              { value: 'split', label: t('review_work.split'), testId: 'view-split' },
            ]}
            onPick={setView}
          />
          <span className="inline-flex">
            <IconButton icon={ArrowUp} label={t('review_work.previous')} disabled={at === 0} onClick={() => step(-1)} />
            <IconButton icon={ArrowDown} label={t('review_work.next')} disabled={at >= files.length - 1} onClick={() => step(1)} />
          </span>
          <Verdict task={task} />
          <Dialog.Close asChild>
            <IconButton icon={X} label={t('action.close')} />
          </Dialog.Close>
        </span>
      </header>
      {diff === null || error === null ? null : (
        <p role="alert" data-testid="review-error" className="selectable flex shrink-0 items-start gap-2 border-b border-line px-4 py-2 text-xs text-failed">
          <CircleAlert size={14} aria-hidden="true" className="mt-px shrink-0" />
          {[error.message, ...error.hints].join(' ')}
        </p>
      )}
      <div className="flex min-h-0 flex-1">
        <nav aria-label={t('review_work.files')} className="flex w-72 shrink-0 flex-col overflow-y-auto border-r border-line p-1.5 max-[1100px]:w-52">
          {diff === null ? null : <p className="px-2 py-1 text-2xs font-semibold text-ink-2">{t('work.files', { count: files.length })}</p>}
          <FileList files={files} shown={file} task={task} onChoose={choose} />
        </nav>
        {diff !== null && file !== undefined ? (
          <ShownFile task={task} diff={diff} file={file} view={view} asked={asked} onAsk={setAsked} onWhole={fetchWhole} />
        ) : (
          <div className="flex-1 px-4 py-4 text-sm text-ink-2" role={error === null ? 'status' : 'alert'}>
            {error === null ? t(diff === null ? 'review_work.loading' : 'review_work.no_files') : [error.message, ...error.hints].join(' ')}
          </div>
        )}
        <Side task={task} attempt={attempt} />
      </div>
    </div>
  );
}

export function ReviewSheet() {
  const open = useView((view) => view.overlay === 'review');
  const task = useTask(useView((view) => view.selectedTask));
  return (
    <Dialog.Root open={open && task !== undefined} onOpenChange={(next) => (next ? undefined : showOverlay(null))}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-[oklch(0.15_0.02_280/0.4)]" />
        <Dialog.Content
          aria-describedby={undefined}
          data-testid="review-sheet"
          onEscapeKeyDown={(event) => {
            if (event.target instanceof Element && event.target.closest('textarea') !== null) event.preventDefault();
          }}
          onFocus={({ target, currentTarget }) => {
            // It is focused when what held the focus is gone, as a line of the file before. Keys are heard within.
            if (target === currentTarget) currentTarget.querySelector<HTMLElement>('[data-keys]')?.focus();
          }}
          className="rising fixed inset-3 z-50 overflow-hidden rounded-lg border border-line bg-raised shadow-float focus:outline-none"
        >
          {task === undefined ? null : <Body key={task.id} task={task} />}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
