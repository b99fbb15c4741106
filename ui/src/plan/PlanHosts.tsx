// The hosts of a plan before its run: each can be tried out, line by line, and others can be added.

import { FlaskConical, LoaderCircle, Plus } from 'lucide-react';
import { useState } from 'react';

import { Button, Chip } from '../design/controls';
import { useText } from '../i18n';
import type { HostView, HostWay } from '../platform/types';
import { ask } from '../store/dialogs';
import { AddHost } from './AddHost';
import { TestResult } from './TestResult';
import { useHostTest } from './useHostTest';

/** How a host of the plan is reached; the rest is looked up in the plan by its id. */
function wayOf(host: HostView): HostWay {
  return { id: host.id, transport: host.transport, address: '', command: [], state_dir: null };
}

/** A command that reaches a host is the plan's own: nothing of a plan from elsewhere runs unasked. */
async function mayReach(host: HostView, trusted: boolean): Promise<boolean> {
  if (host.transport !== 'command' || trusted) return true;
  return ask({
    title: 'confirm.test_command.title',
    body: 'confirm.test_command.body',
    values: { host: host.id },
    detail: '',
    lines: [host.address],
    confirm: 'confirm.test_command.yes',
    tone: 'plain',
  });
}

function HostRow({ plan, trusted, host }: { plan: string; trusted: boolean; host: HostView }) {
  const t = useText();
  const testing = useHostTest(plan);
  const { busy, result } = testing;
  const test = async (): Promise<void> => {
    if (await mayReach(host, trusted)) await testing.start(wayOf(host));
  };
  return (
    <li data-testid="plan-host" data-host-id={host.id}>
      <div className="flex items-center gap-2 py-1.5 pr-1.5 pl-3">
        <div className="min-w-0 flex-1">
          <p className="flex min-w-0 items-center gap-2 text-xs">
            <span className="font-medium">{host.id}</span>
            <span className="min-w-0 truncate text-ink-3">{host.title}</span>
          </p>
          <p className="selectable flex min-w-0 flex-wrap items-center gap-x-1.5 gap-y-0.5 text-2xs text-ink-3">
            <span className="truncate">{t(`host.transport.${host.transport}`, { address: host.address === '' ? host.id : host.address })}</span>
            <span className="whitespace-nowrap tabular">· {t('review.capacity', { count: host.capacity })}</span>
            {host.labels.map((label) => (
              <Chip key={label} className="h-4">
                {label}
              </Chip>
            ))}
          </p>
        </div>
        {host.transport === 'local' ? null : (
          <Button
            look="quiet"
            data-testid="test-host"
            disabled={busy}
            title={t('review.test_host', { host: host.id })}
            className="h-6 px-2 text-xs"
            onClick={() => void test()}
          >
            {busy ? <LoaderCircle size={13} className="turning" aria-hidden="true" /> : <FlaskConical size={13} aria-hidden="true" />}
            {busy ? t('review.testing') : t(result === null ? 'review.test' : 'review.test_again')}
          </Button>
        )}
      </div>
      <TestResult name={host.id} testing={testing} />
    </li>
  );
}

export function PlanHosts({ plan, trusted, hosts, onAdded }: { plan: string; trusted: boolean; hosts: readonly HostView[]; onAdded: () => void }) {
  const t = useText();
  const [adding, setAdding] = useState(false);
  return (
    <>
      <ul className="divide-y divide-line">
        {hosts.map((host) => (
          <HostRow key={host.id} plan={plan} trusted={trusted} host={host} />
        ))}
      </ul>
      <div className="border-t border-line p-1.5">
        <Button look="quiet" icon={Plus} data-testid="add-host" className="h-6 px-2 text-xs" onClick={() => setAdding(true)}>
          {t('review.add_host')}
        </Button>
      </div>
      {adding ? (
        <AddHost
          plan={plan}
          taken={hosts.map((host) => host.id)}
          onClose={() => setAdding(false)}
          onAdded={() => {
            setAdding(false);
            onAdded();
          }}
        />
      ) : null}
    </>
  );
}
