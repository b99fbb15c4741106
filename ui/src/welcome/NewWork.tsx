// Work without a plan at hand: one prompt for one agent, or a goal from which an agent drafts a plan.

import { FolderOpen } from 'lucide-react';
import { useId, useState } from 'react';
import type { ReactNode } from 'react';

import { Button } from '../design/controls';
import { Sheet } from '../design/surfaces';
import { useText } from '../i18n';
import type { TextKey } from '../i18n';
import { startWithQuestions } from '../plan/start';
import { asApiError } from '../platform/platform';
import type { ApiError, RunnerKind } from '../platform/types';
import { showingErrors } from '../store/commands';
import { useSession } from '../store/context';
import { PLAIN_START } from '../store/session';

export type WorkKind = 'prompt' | 'goal';

const AGENTS: readonly RunnerKind[] = ['claude', 'codex'];
const FIELD = 'w-full rounded-md border border-line-strong bg-surface px-2 text-sm outline-none focus:border-accent';

function Labelled({ label, note, children }: { label: TextKey; note?: TextKey; children: (id: string) => ReactNode }) {
  const t = useText();
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-xs font-medium text-ink-2">
        {t(label)}
      </label>
      {children(id)}
      {note === undefined ? null : <p className="text-2xs text-ink-3">{t(note)}</p>}
    </div>
  );
}

function FolderField({ label, note, value, onChange }: { label: TextKey; note?: TextKey; value: string; onChange: (path: string) => void }) {
  const t = useText();
  const { platform } = useSession();
  const choose = (): void =>
    void showingErrors(async () => {
      const path = await platform.chooseFolder();
      if (path !== null) onChange(path);
    });
  return (
    <Labelled label={label} {...(note === undefined ? {} : { note })}>
      {(id) => (
        <span className="flex gap-1.5">
          <input id={id} data-testid={label.replace('.', '-')} value={value} onChange={(event) => onChange(event.target.value)} className={`h-7 min-w-0 flex-1 ${FIELD}`} />
          <Button icon={FolderOpen} aria-label={`${t(label)}: ${t('work.choose')}`} onClick={choose}>
            {t('work.choose')}
          </Button>
        </span>
      )}
    </Labelled>
  );
}

function AgentChoice({ value, onChange }: { value: RunnerKind; onChange: (agent: RunnerKind) => void }) {
  const t = useText();
  return (
    <fieldset className="flex items-center gap-4">
      <legend className="float-left mr-4 text-xs font-medium text-ink-2">{t('work.agent')}</legend>
      {AGENTS.map((agent) => (
        <label key={agent} className="flex items-center gap-1.5 text-sm">
          <input type="radio" name="agent" value={agent} checked={value === agent} onChange={() => onChange(agent)} className="accent-(--accent)" />
          {t(`runner.${agent}`)}
        </label>
      ))}
    </fieldset>
  );
}

function Problem({ error }: { error: ApiError | null }) {
  if (error === null) return null;
  return (
    <p role="alert" className="selectable text-xs whitespace-pre-wrap text-failed">
      {[error.message, ...error.hints].join('\n')}
    </p>
  );
}

export function NewWork({ kind, onClose }: { kind: WorkKind; onClose: () => void }) {
  const t = useText();
  const session = useSession();
  const [text, setText] = useState('');
  const [agent, setAgent] = useState<RunnerKind>('claude');
  const [folder, setFolder] = useState('');
  const [out, setOut] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const isGoal = kind === 'goal';
  const ready = text.trim() !== '' && (isGoal ? out.trim() !== '' : folder.trim() !== '');
  const begin = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      const plan = isGoal
        ? await session.platform.goalPlan({ goal: text.trim(), repo: folder.trim() || null, out: out.trim(), agent })
        : await session.platform.promptPlan({ prompt: text.trim(), agent, work_folder: folder.trim() });
      setError(await startWithQuestions(session, { ...PLAIN_START, plan }));
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    setBusy(false);
  };
  return (
    <Sheet open onClose={onClose} title={t(`work.${kind}`).replace('…', '')} description={t(`work.${kind}_text`)} width="w-[560px]">
      <form
        data-testid={`new-${kind}-form`}
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy) void begin();
        }}
      >
        <Labelled label={isGoal ? 'work.goal_label' : 'work.prompt_label'}>
          {(id) => (
            <textarea
              id={id}
              rows={5}
              // The person has just asked for this field.
              // oxlint-disable-next-line jsx-a11y/no-autofocus
              autoFocus
              value={text}
              onChange={(event) => setText(event.target.value)}
              className={`resize-y py-1.5 ${FIELD}`}
            />
          )}
        </Labelled>
        <FolderField label={isGoal ? 'work.repo' : 'work.folder'} value={folder} onChange={setFolder} {...(isGoal ? { note: 'work.repo_note' as const } : {})} />
        {isGoal ? <FolderField label="work.out" note="work.out_note" value={out} onChange={setOut} /> : null}
        <AgentChoice value={agent} onChange={setAgent} />
        <Problem error={error} />
        <div className="flex justify-end gap-2 pt-1">
          <Button onClick={onClose}>{t('action.close')}</Button>
          <Button type="submit" look="primary" disabled={!ready || busy} data-testid="begin-work">
            {t(busy ? 'work.starting' : 'work.begin')}
          </Button>
        </div>
      </form>
    </Sheet>
  );
}
