// The review of a task's work: its files, their differences, what the checks said, and what a person says.

import { ArrowDown, ArrowUp, Check, MessageSquarePlus, Undo2, X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
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
import { useTask } from '../store/run';
import { showOverlay, useView } from '../store/view';
import { Checks, Counts } from './Checks';
import { CommentForm, DraftCard, Drafts } from './Comments';
import { FileDiff } from './FileDiff';
import { useDiff } from './useDiff';

const KIND_LOOK = { added: 'text-completed', modified: 'text-back-off', removed: 'text-failed', renamed: 'text-running' } as const;
const KIND_LETTER = { added: 'A', modified: 'M', removed: 'D', renamed: 'R' } as const;

function FileLine({ file, chosen, comments, onChoose }: { file: FileChange; chosen: boolean; comments: number; onChoose: () => void }) {
  const t = useText();
  const slash = file.path.lastIndexOf('/') + 1;
  return (
    <button
      type="button"
      data-testid="review-file"
      data-path={file.path}
      aria-current={chosen}
      title={file.path}
      onClick={onChoose}
      className="flex h-7 w-full items-center gap-2 rounded-md px-2 text-left text-xs hover:bg-hover aria-[current=true]:bg-accent-soft"
    >
      <span className={`w-3 shrink-0 font-mono text-2xs font-bold ${KIND_LOOK[file.kind]}`} aria-label={t(`review_work.kind.${file.kind}`)} role="img">
        {KIND_LETTER[file.kind]}
      </span>
      <span className="flex min-w-0 flex-1">
        <span className="min-w-0 shrink truncate text-ink-3">{file.path.slice(0, slash)}</span>
        <span className="shrink-0">{file.path.slice(slash)}</span>
      </span>
      {comments === 0 ? null : <Chip tone="accent">{comments}</Chip>}
      {file.binary ? null : <Counts added={file.added} removed={file.removed} />}
    </button>
  );
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
  return (
    <section aria-label={file.path} className="flex min-h-0 min-w-0 flex-1 flex-col">
      <header className="flex h-9 shrink-0 items-center gap-2 border-b border-line px-3 text-xs">
        <span className="selectable min-w-0 truncate font-mono" data-testid="shown-file">{file.path}</span>
        <span className={`shrink-0 text-2xs ${KIND_LOOK[file.kind]}`}>{t(`review_work.kind.${file.kind}`)}</span>
        {file.from === null ? null : <span className="min-w-0 truncate text-2xs text-ink-3">{t('review_work.renamed', { from: file.from })}</span>}
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
      <div tabIndex={0} role="region" aria-label={t('work.changes')} className="min-h-0 flex-1 overflow-auto bg-surface">
        {patch === undefined ? <p className="px-3 py-3 text-xs text-ink-3">{t('review_work.no_text')}</p> : <FileDiff key={file.path} file={file} patch={patch} view={view} below={below} onLine={onAsk} onWhole={() => onWhole(file.path)} />}
      </div>
    </section>
  );
}

function Side({ task, attempt }: { task: TaskView; attempt: number | null }) {
  const t = useText();
  const [whole, setWhole] = useState(false);
  const evidence = task.attempts.find((one) => one.number === attempt)?.evidence ?? null;
  return (
    <aside className="flex w-84 shrink-0 flex-col gap-4 overflow-y-auto border-l border-line p-3 max-[1100px]:w-64">
      <section>
        <h3 className="mb-1.5 text-2xs font-semibold text-ink-3">{t('review_work.drafts')}</h3>
        <Drafts task={task.id} />
        <div className="mt-2">
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
  const act = async (told: Promise<boolean>): Promise<void> => {
    setBusy(true);
    if (await told) {
      dropDrafts(task.id);
      showOverlay(null);
    }
    setBusy(false);
  };
  const comments = drafts.map(({ file, line, text }) => ({ file, line, text }));
  return (
    <>
      {maySendBack(task) ? (
        <Button icon={Undo2} data-testid="send-back" disabled={busy || drafts.length === 0} onClick={() => void act(commands.sendBack(task.id, comments))} {...(drafts.length === 0 ? { hint: t('review_work.no_drafts') } : {})}>
          {drafts.length === 0 ? t('work.send_back') : t('work.send_back_with', { count: drafts.length })}
        </Button>
      ) : null}
      {task.phase === 'review' ? (
        <Button icon={Check} look="primary" data-testid="accept" disabled={busy} onClick={() => void act(commands.accept(task.id))}>
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
  const drafts = useDrafts(task.id);
  const frame = useRef<HTMLDivElement>(null);
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
  const attempts = task.attempts.map((one) => ({ value: String(one.number), label: t('attempt.number', { number: one.number }), note: one.agent }));
  const sum = diff === null ? null : addedAndRemoved(diff.work);
  return (
    // Its keys belong to the whole sheet.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      ref={frame}
      tabIndex={-1}
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
      <header className="flex min-h-12 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line py-1.5 pr-2 pl-4">
        <Dialog.Title className="text-base font-semibold">{t('review_work.title', { task: task.id })}</Dialog.Title>
        <span className={`phase-${task.phase}`}>
          <Chip tone="phase">
            <StateIcon phase={task.phase} size={12} />
            {t(`phase.${task.phase}`)}
          </Chip>
        </span>
        <PickMenu label={t('review_work.attempt')} value={String(attempt ?? task.attempts.length)} options={attempts} onPick={(value) => useView.setState({ reviewAttempt: Number(value) })} />
        {sum === null ? null : <Counts added={sum.added} removed={sum.removed} />}
        <span className="min-w-0 flex-1 truncate text-xs text-ink-3">{task.title}</span>
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
      </header>
      <div className="flex min-h-0 flex-1">
        <nav aria-label={t('review_work.files')} className="flex w-72 shrink-0 flex-col overflow-y-auto border-r border-line p-1.5 max-[1100px]:w-52">
          <p className="px-2 py-1 text-2xs text-ink-3">{t('work.files', { count: files.length })}</p>
          {files.map((one) => (
            <FileLine key={one.path} file={one} chosen={one === file} comments={drafts.filter((draft) => draft.file === one.path).length} onChoose={() => choose(one.path)} />
          ))}
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
          className="rising fixed inset-3 z-50 overflow-hidden rounded-lg border border-line bg-raised shadow-float focus:outline-none"
        >
          {task === undefined ? null : <Body key={task.id} task={task} />}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
