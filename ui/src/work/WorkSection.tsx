// The inspector's view of a task's work on git: what changed, what it resolves, whom it overlaps with.

import { FileDiff } from 'lucide-react';

import { Button } from '../design/controls';
import { useText } from '../i18n';
import { placeOf } from '../review/Comments';
import { Counts } from '../review/Checks';
import { CodeLines, Fact, Section, TaskLink } from '../inspector/parts';
import { addedAndRemoved, reviewedAttempt } from '../model/work';
import type { AttemptView, TaskView } from '../platform/types';
import { openReview } from '../store/view';
import { Conflict } from './Conflict';

export function TreeFacts({ attempt }: { attempt: AttemptView }) {
  const { tree } = attempt;
  if (tree === null) return null;
  return (
    <dl className="grid grid-cols-[72px_minmax(0,1fr)] gap-x-2 gap-y-0.5">
      <Fact label="work.branch">
        <span className="font-mono text-2xs break-all">{tree.branch}</span>
      </Fact>
      <Fact label="work.base">
        <span className="font-mono text-2xs">{tree.base.slice(0, 12)}</span>
      </Fact>
      {tree.commit === null ? null : (
        <Fact label="work.commit">
          <span className="font-mono text-2xs">{tree.commit.slice(0, 12)}</span>
        </Fact>
      )}
      <Fact label="work.folder_of">
        <span className="font-mono text-2xs break-all">{tree.folder}</span>
      </Fact>
    </dl>
  );
}

export function SentComments({ attempt }: { attempt: AttemptView }) {
  const t = useText();
  if (attempt.comments.length === 0) return null;
  return (
    <div data-testid="sent-comments">
      <p className="text-2xs text-ink-3">{t('work.comments')}</p>
      <ul className="mt-0.5 flex flex-col gap-1">
        {attempt.comments.map((comment, index) => (
          <li key={index} className="selectable rounded-md bg-sunken px-2 py-1 text-xs break-words whitespace-pre-wrap">
            <span className="block text-2xs break-all text-ink-3 tabular">{placeOf(comment, t('review_work.whole_work'))}</span>
            {comment.text}
          </li>
        ))}
      </ul>
    </div>
  );
}

export function WorkSection({ task }: { task: TaskView }) {
  const t = useText();
  const number = reviewedAttempt(task);
  const work = task.attempts.find((attempt) => attempt.number === number)?.evidence?.work ?? null;
  return (
    <>
      {task.conflict === null ? null : (
        <Section title="work.merge_task">
          <Conflict task={task} conflict={task.conflict} />
        </Section>
      )}
      {task.overlaps.length === 0 ? null : (
        <Section title="work.overlaps" count={task.overlaps.length}>
          <ul data-testid="overlaps" className="flex flex-col gap-2">
            {task.overlaps.map((overlap) => (
              <li key={overlap.task} className="flex flex-col gap-1">
                <p className="flex items-center gap-1.5 text-xs text-back-off">
                  {t('work.overlap')} <TaskLink id={overlap.task} />
                </p>
                <CodeLines lines={overlap.files} none="inspector.none" />
              </li>
            ))}
          </ul>
          <p className="mt-2 text-xs text-ink-2">{t('work.overlap_note')}</p>
        </Section>
      )}
      {number === null ? null : (
        <Section title="work.changes">
          <div className="flex flex-wrap items-center gap-2 text-xs">
            {work === null ? null : (
              <>
                <span className="tabular">{t('work.files', { count: work.files.length })}</span>
                <Counts {...addedAndRemoved(work)} />
              </>
            )}
            <Button icon={FileDiff} look={task.phase === 'review' ? 'primary' : 'plain'} data-testid="open-review" className="ml-auto" onClick={() => openReview(null)}>
              {t('work.open_review')}
            </Button>
          </div>
        </Section>
      )}
    </>
  );
}
