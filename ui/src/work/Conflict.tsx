// A merge conflict: both sides, the files, what to type, and the commit that ends it.

import { Check, Copy } from 'lucide-react';
import { useId, useState } from 'react';

import { Button, IconButton } from '../design/controls';
import { useText } from '../i18n';
import { isOver } from '../model/phases';
import { conflictCommands } from '../model/work';
import { CodeLines, Fact } from '../inspector/parts';
import type { ConflictView, TaskView } from '../platform/types';
import { useCommands } from '../store/context';
import { useRun, useRunMoment } from '../store/run';

function TakeCommit({ task }: { task: TaskView }) {
  const t = useText();
  const commands = useCommands();
  const [revision, setRevision] = useState('');
  const id = useId();
  return (
    <form
      className="mt-2 flex flex-col gap-1"
      onSubmit={(event) => {
        event.preventDefault();
        if (revision.trim() !== '') void commands.takeCommit(task.id, revision.trim());
      }}
    >
      <label htmlFor={id} className="text-2xs text-ink-2">
        {t('work.commit_name')}
      </label>
      <div className="flex flex-wrap gap-1.5">
        <input
          id={id}
          data-testid="take-revision"
          aria-describedby={`${id}-note`}
          value={revision}
          onChange={(event) => setRevision(event.target.value)}
          className="selectable h-7 min-w-32 flex-1 rounded-md border border-line-strong bg-surface px-2 font-mono text-xs text-ink outline-none focus:border-accent"
        />
        <Button type="submit" look="primary" data-testid="take-commit" disabled={revision.trim() === ''}>
          {t('work.take_commit')}
        </Button>
      </div>
      <p id={`${id}-note`} className="text-2xs text-ink-3">
        {t('work.take_note')}
      </p>
    </form>
  );
}

/** What is typed in a terminal, line by line, and all of it to take along. */
function Commands({ lines }: { lines: readonly string[] }) {
  const t = useText();
  const [copied, setCopied] = useState(false);
  return (
    <div className="relative mt-1 rounded-md bg-sunken py-1.5 pr-9 pl-2">
      <ol className="selectable flex flex-col gap-0.5 font-mono text-2xs">
        {lines.map((line, index) => (
          // A wrapped line stands in, so that the next command is not taken for the rest of it.
          <li key={index} className="pl-4 -indent-4 wrap-anywhere">
            {line}
          </li>
        ))}
      </ol>
      <IconButton
        icon={copied ? Check : Copy}
        label={t(copied ? 'host.copied' : 'host.copy')}
        className="absolute top-1 right-1"
        onClick={() => void navigator.clipboard.writeText(`${lines.join('\n')}\n`).then(() => setCopied(true), () => undefined)}
      />
    </div>
  );
}

export function Conflict({ task, conflict }: { task: TaskView; conflict: ConflictView }) {
  const t = useText();
  const repository = useRun((data) => data.run.git?.repository ?? '.');
  const moment = useRunMoment();
  return (
    <div data-testid="conflict" className="flex flex-col gap-1.5 text-xs">
      <p>{conflict.waits === null ? t('work.merge_result') : t('work.merge_waits', { task: conflict.waits })}</p>
      <dl className="grid grid-cols-[72px_minmax(0,1fr)] gap-x-2 gap-y-0.5">
        <Fact label="work.ours">
          <span className="font-mono text-2xs break-all">{conflict.ours}</span>
        </Fact>
        <Fact label="work.theirs">
          <span className="font-mono text-2xs break-all">{conflict.theirs}</span>
        </Fact>
      </dl>
      <div>
        <p className="text-2xs text-failed">{t('work.conflict_files')}</p>
        <CodeLines lines={conflict.files} none="inspector.none" />
      </div>
      {isOver(task.phase) ? null : (
        <>
          <p className="text-ink-2">{conflict.by_person ? t('work.by_person') : t('work.by_agent', { agent: task.agent })}</p>
          <details open={conflict.by_person}>
            <summary className="cursor-pointer text-2xs text-ink-3">{t('work.type_this')}</summary>
            <Commands lines={conflictCommands(repository, conflict.ours, conflict.theirs, task.id)} />
          </details>
          {moment === 'past' ? null : <TakeCommit task={task} />}
        </>
      )}
    </div>
  );
}
