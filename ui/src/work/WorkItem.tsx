// What can be done about an inbox item that is about work: review it, resolve it, verify again.

import { Check, FileDiff } from 'lucide-react';

import { Button } from '../design/controls';
import { useText } from '../i18n';
import type { InboxItem } from '../platform/types';
import { Found } from '../review/Checks';
import { useCommands } from '../store/context';
import { useRun, useTask } from '../store/run';
import { openReview, selectTask, showOverlay } from '../store/view';
import { Conflict } from './Conflict';
import { Mend, VerifyAgain } from './Verification';

function FailedChecks() {
  const t = useText();
  const failed = useRun((data) => data.run.verification)?.checks.filter((check) => !check.passed) ?? [];
  return (
    <>
      <ul className="mt-1 flex flex-col gap-0.5">
        {failed.map((check, index) => (
          <li key={index} className="selectable text-xs break-words text-failed">
            {check.name || check.run.join(' ')}
            <span className="text-ink-3">
              {' · '}
              <Found check={check} />
            </span>
          </li>
        ))}
      </ul>
      <div className="mt-1">
        <Mend />
      </div>
      <div className="mt-2 flex flex-wrap gap-1.5">
        <VerifyAgain />
        <Button onClick={() => showOverlay('verification')}>{t('verify.show')}</Button>
      </div>
    </>
  );
}

export function WorkItem({ item }: { item: InboxItem }) {
  const t = useText();
  const commands = useCommands();
  const task = useTask(item.task);
  if (item.kind === 'verification') return <FailedChecks />;
  if (task === undefined) return null;
  if (item.kind === 'conflict') {
    return task.conflict === null ? null : (
      <div className="mt-1.5">
        <Conflict task={task} conflict={task.conflict} />
      </div>
    );
  }
  return (
    <>
      <p className="selectable mt-1 line-clamp-3 text-xs text-ink-2">{item.what}</p>
      <div className="mt-2 flex flex-wrap gap-1.5">
        <Button
          icon={FileDiff}
          look="primary"
          data-testid="inbox-review"
          onClick={() => {
            selectTask(task.id, task.agent);
            openReview(null);
          }}
        >
          {t('work.open_review')}
        </Button>
        <Button icon={Check} data-testid="inbox-accept" onClick={() => void commands.accept(task.id)}>
          {t('work.accept')}
        </Button>
      </div>
    </>
  );
}
