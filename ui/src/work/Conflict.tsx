// A merge conflict: both sides, the files, what to type, and the commit that ends it.

import { useState } from 'react';

import { Button } from '../design/controls';
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
  return (
    <form
      className="mt-2 flex flex-wrap items-end gap-1.5"
      onSubmit={(event) => {
        event.preventDefault();
        if (revision.trim() !== '') void commands.takeCommit(task.id, revision.trim());
      }}
    >
      <label className="flex min-w-40 flex-1 flex-col gap-0.5 text-2xs text-ink-3">
        {t('work.commit_name')}
        <input data-testid="take-revision" value={revision} onChange={(event) => setRevision(event.target.value)} className="selectable h-7 rounded-md border border-line-strong bg-surface px-2 font-mono text-xs text-ink outline-none focus:border-accent" />
      </label>
      <Button type="submit" look="primary" data-testid="take-commit" disabled={revision.trim() === ''} hint={t('work.take_note')}>
        {t('work.take_commit')}
      </Button>
    </form>
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
            <pre className="selectable mt-1 rounded-md bg-sunken px-2 py-1.5 font-mono text-2xs break-all whitespace-pre-wrap">{conflictCommands(repository, conflict.ours, conflict.theirs, task.id).join('\n')}</pre>
          </details>
          {moment === 'past' ? null : <TakeCommit task={task} />}
        </>
      )}
    </div>
  );
}
