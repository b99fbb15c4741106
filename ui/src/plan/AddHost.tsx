// A host that is added to the plan: by its name for ssh, tried out before it is written down.

import { FlaskConical, LoaderCircle } from 'lucide-react';
import { useEffect, useId, useState } from 'react';
import type { ReactNode } from 'react';

import { Button } from '../design/controls';
import { Sheet } from '../design/surfaces';
import { useText } from '../i18n';
import type { TextKey } from '../i18n';
import { hostIdFrom, matchingNames, newHost } from '../model/newHost';
import { asApiError } from '../platform/platform';
import type { ApiError } from '../platform/types';
import { useSession } from '../store/context';
import { showToast } from '../store/dialogs';
import { TestResult } from './TestResult';
import { useHostTest } from './useHostTest';

const FIELD = 'h-7 w-full min-w-0 rounded-md border border-line-strong bg-surface px-2 text-sm outline-none focus:border-accent aria-invalid:border-failed';

function Field({ label, note, problem, children }: { label: TextKey; note?: string; problem?: string | null; children: (id: string, noteId: string) => ReactNode }) {
  const t = useText();
  const id = useId();
  const said = problem ?? note;
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 block text-xs text-ink-2">
        {t(label)}
      </label>
      {children(id, `${id}-note`)}
      <p id={`${id}-note`} className={`mt-0.5 min-h-4 text-2xs ${problem == null ? 'text-ink-3' : 'text-failed'}`}>
        {said}
      </p>
    </div>
  );
}

function KnownNames({ names, onPick }: { names: readonly string[]; onPick: (name: string) => void }) {
  const t = useText();
  if (names.length === 0) return null;
  return (
    <ul aria-label={t('add_host.known')} className="-mt-2 mb-3 flex max-h-20 flex-wrap gap-1 overflow-y-auto">
      {names.map((name) => (
        <li key={name}>
          <button
            type="button"
            data-testid="ssh-name"
            onClick={() => onPick(name)}
            className="inline-flex h-6 items-center rounded-md border border-line bg-surface px-1.5 text-xs hover:border-line-strong hover:bg-hover"
          >
            {name}
          </button>
        </li>
      ))}
    </ul>
  );
}

export function AddHost({ plan, taken, onClose, onAdded }: { plan: string; taken: readonly string[]; onClose: () => void; onAdded: () => void }) {
  const t = useText();
  const { platform } = useSession();
  const testing = useHostTest(plan);
  const [names, setNames] = useState<string[]>([]);
  const [address, setAddress] = useState('');
  const [ownId, setOwnId] = useState<string | null>(null);
  const [title, setTitle] = useState('');
  const [capacity, setCapacity] = useState('');
  const [labels, setLabels] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  useEffect(() => {
    let gone = false;
    // Without a list the name can still be typed.
    platform.sshNames().then(
      (known) => (gone ? undefined : setNames(known)),
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [platform]);

  const id = ownId ?? hostIdFrom(address);
  const made = newHost({ id, address, title, capacity, labels }, taken);
  const pick = (name: string): void => {
    setAddress(name);
    testing.forget();
  };
  const add = async (): Promise<void> => {
    if (!made.good) return;
    setBusy(true);
    setError(null);
    try {
      await platform.addHost(plan, made.host);
      showToast({ kind: 'done', text: 'toast.host_added', values: { host: made.host.id } });
      onAdded();
    } catch (thrown) {
      setError(asApiError(thrown));
      setBusy(false);
    }
  };
  const idProblem = made.good || id === '' ? null : made.problem === 'taken' ? t('add_host.taken') : made.problem === 'id' ? t('add_host.id_note') : null;

  return (
    <Sheet open onClose={onClose} title={t('add_host.title')} description={t('add_host.text')} width="w-[520px]">
      <form
        data-testid="add-host-form"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <Field label="add_host.address">
          {(field) => (
            <input id={field} data-testid="host-address" value={address} autoComplete="off" spellCheck={false} onChange={(event) => pick(event.target.value)} className={`${FIELD} font-mono`} />
          )}
        </Field>
        <KnownNames names={matchingNames(names, address)} onPick={pick} />
        <div className="grid grid-cols-2 gap-x-3 gap-y-1.5">
          <Field label="add_host.id" problem={idProblem}>
            {(field, note) => (
              <input
                id={field}
                data-testid="host-id"
                value={id}
                aria-describedby={note}
                aria-invalid={idProblem !== null}
                spellCheck={false}
                onChange={(event) => setOwnId(event.target.value)}
                className={FIELD}
              />
            )}
          </Field>
          <Field label="add_host.line">{(field) => <input id={field} value={title} onChange={(event) => setTitle(event.target.value)} className={FIELD} />}</Field>
          <Field label="add_host.capacity" note={t('add_host.capacity_note')}>
            {(field, note) => (
              <input
                id={field}
                inputMode="numeric"
                value={capacity}
                aria-describedby={note}
                aria-invalid={!made.good && made.problem === 'capacity'}
                onChange={(event) => setCapacity(event.target.value)}
                className={`${FIELD} tabular`}
              />
            )}
          </Field>
          <Field label="add_host.labels" note={t('add_host.labels_note')}>
            {(field, note) => <input id={field} value={labels} aria-describedby={note} spellCheck={false} onChange={(event) => setLabels(event.target.value)} className={FIELD} />}
          </Field>
        </div>
        {testing.result === null && testing.error === null ? null : (
          <div className="mt-2 rounded-md border border-line bg-surface pt-1.5">
            <TestResult name={address} testing={testing} />
          </div>
        )}
        {error === null ? null : (
          <p role="alert" className="selectable mt-2 text-xs wrap-anywhere text-failed">
            {[error.message, ...error.hints].join(' ')}
          </p>
        )}
        <div className="mt-3 flex justify-end gap-2">
          <Button
            data-testid="test-new-host"
            disabled={address.trim() === '' || testing.busy}
            onClick={() => void testing.start({ id: null, transport: 'ssh', address: address.trim(), command: [], state_dir: null })}
          >
            {testing.busy ? <LoaderCircle size={14} className="turning" aria-hidden="true" /> : <FlaskConical size={14} aria-hidden="true" />}
            {testing.busy ? t('review.testing') : t(testing.result === null ? 'review.test' : 'review.test_again')}
          </Button>
          <Button type="submit" look="primary" data-testid="add-host-yes" disabled={!made.good || busy}>
            {t('add_host.add')}
          </Button>
        </div>
      </form>
    </Sheet>
  );
}
