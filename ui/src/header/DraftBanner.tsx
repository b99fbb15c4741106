// The run that drafts a plan has ended: the way to what it drafted.

import { FileCheck } from 'lucide-react';

import { Button } from '../design/controls';
import { useText } from '../i18n';
import { useSession } from '../store/context';
import { useRun } from '../store/run';

/** The name of the made plan whose run drafts another. */
const DRAFTING = 'goal';

export function DraftBanner() {
  const t = useText();
  const session = useSession();
  const done = useRun((data) => data.run.name === DRAFTING && data.run.phase === 'completed');
  const folder = useRun((data) => data.run.work_folder);
  if (!done) return null;
  return (
    <div role="status" className="flex items-center gap-3 border-b border-line bg-[color-mix(in_oklab,var(--completed)_10%,var(--surface))] px-3 py-1.5">
      <FileCheck size={14} className="shrink-0 text-completed" aria-hidden="true" />
      <p className="selectable min-w-0 flex-1 truncate text-sm">{t('work.drafted', { folder })}</p>
      <Button look="primary" data-testid="review-draft" onClick={() => session.review(folder)}>
        {t('work.review')}
      </Button>
    </div>
  );
}
