// The result of the run as a pull request.

import { CircleAlert } from 'lucide-react';
import { useState } from 'react';

import { Button } from '../design/controls';
import { Sheet } from '../design/surfaces';
import { useText } from '../i18n';
import { asApiError } from '../platform/platform';
import type { ApiError, GitView, PullRequest } from '../platform/types';
import { useCommands } from '../store/context';
import { useRun } from '../store/run';
import { showOverlay, useView } from '../store/view';

const FIELD = 'selectable rounded-md border border-line-strong bg-surface px-2 py-1 text-xs text-ink outline-none focus:border-accent';

function Opened({ pull }: { pull: PullRequest }) {
  const t = useText();
  const [copied, setCopied] = useState(false);
  return (
    <div data-testid="pull-opened" className="flex flex-col gap-2 text-sm">
      <p>{t('pull.opened', { number: pull.number })}</p>
      <p className="flex items-center gap-2">
        <span className="selectable min-w-0 flex-1 rounded-md bg-sunken px-2 py-1 font-mono text-xs break-all">{pull.url}</span>
        <Button onClick={() => void navigator.clipboard.writeText(pull.url).then(() => setCopied(true), () => undefined)}>{t(copied ? 'host.copied' : 'host.copy')}</Button>
      </p>
    </div>
  );
}

/** Why it was refused, and what helps: beside what was typed, for as long as it takes to do that. */
function Refused({ error }: { error: ApiError }) {
  return (
    <div role="alert" data-testid="pull-refused" className="selectable flex items-start gap-2 rounded-md bg-sunken px-2.5 py-2">
      <CircleAlert size={14} aria-hidden="true" className="mt-px shrink-0 text-failed" />
      <div className="flex min-w-0 flex-col gap-1 wrap-anywhere">
        <p className="text-ink">{error.message}</p>
        {error.hints.map((hint) => (
          <p key={hint} className="whitespace-pre-wrap">
            {hint}
          </p>
        ))}
      </div>
    </div>
  );
}

function Form({ onOpened }: { onOpened: (pull: PullRequest) => void }) {
  const t = useText();
  const commands = useCommands();
  const [title, setTitle] = useState('');
  const [body, setBody] = useState('');
  const [draft, setDraft] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<ApiError | null>(null);
  const open = async (): Promise<void> => {
    setBusy(true);
    setRefused(null);
    try {
      onOpened(await commands.openPullRequest({ title: title.trim(), body: body.trim(), draft }));
    } catch (thrown) {
      setRefused(asApiError(thrown));
    }
    setBusy(false);
  };
  return (
    <form
      className="flex flex-col gap-2.5 text-xs text-ink-2"
      onSubmit={(event) => {
        event.preventDefault();
        void open();
      }}
    >
      <label className="flex flex-col gap-1">
        {t('pull.line')}
        <input data-testid="pull-title" value={title} placeholder={t('pull.line_note')} onChange={(event) => setTitle(event.target.value)} className={FIELD} />
      </label>
      <label className="flex flex-col gap-1">
        {t('pull.body')}
        <textarea rows={8} value={body} placeholder={t('pull.body_note')} onChange={(event) => setBody(event.target.value)} className={`${FIELD} resize-y`} />
      </label>
      {refused === null ? null : <Refused error={refused} />}
      <div className="flex items-center gap-3">
        <label className="flex items-center gap-1.5">
          <input type="checkbox" className="accent-(--accent)" data-testid="pull-draft" checked={draft} onChange={(event) => setDraft(event.target.checked)} />
          {t('pull.draft')}
        </label>
        <Button type="submit" look="primary" className="ml-auto" disabled={busy} data-testid="pull-open">
          {t(busy ? 'pull.opening' : 'pull.open')}
        </Button>
      </div>
    </form>
  );
}

/** Whether there is a result, and a place to propose it. */
export function mayPull(git: GitView | null): boolean {
  return git !== null && git.remote !== null && git.result !== null;
}

export function PullSheet() {
  const t = useText();
  const open = useView((view) => view.overlay === 'pull_request');
  const git = useRun((data) => data.run.git);
  const [pull, setPull] = useState<PullRequest | null>(null);
  if (git === null || git.remote === null) return null;
  return (
    <Sheet open={open} onClose={() => showOverlay(null)} title={t('pull.title')} {...(pull === null ? { description: t('pull.note', { branch: git.result_branch, remote: git.remote }) } : {})} width="w-[560px]">
      {pull === null ? <Form onOpened={setPull} /> : <Opened pull={pull} />}
    </Sheet>
  );
}
