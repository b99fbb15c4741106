// Hosts that are lost, come back, ask something or are given up, in the whole window.

import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';

import { useView } from '../src/store/view';
import { hook, openRun, openWindow } from './window';

const LOST = { hosts: 'lost', speed: 20 } as const;

function hostChip(id: string): HTMLElement {
  const found = screen.getAllByTestId('host').find((chip) => chip.dataset['hostId'] === id);
  if (found === undefined) throw new Error(`no host ${id}`);
  return found;
}

describe('a host', () => {
  it('is seen at a glance, with what it has to do and how contact stands', async () => {
    await openRun(40, { speed: 20 });
    expect(hostChip('MUGEN').dataset['contact']).toBe('ready');
    expect(hostChip('MUGEN').textContent).toContain('4/6');
    expect(hostChip('MUGEN').textContent).toContain('12 ms');
  });

  it('that is lost shows its tasks as unverified, says so, and brings them forward', async () => {
    const { user, play } = await openRun(62, LOST);
    await play(0.25);
    expect(hostChip('MUGEN').textContent).toMatch(/reconnecting, (next try in \d+ s|trying now)/);
    expect(hook('task-node', 'Task-2').dataset['phase']).toBe('unverified');
    expect(hook('timeline-bar', 'Task-2').dataset['phase']).toBe('unverified');
    await user.click(hostChip('MUGEN'));
    expect(hook('host-inspector').dataset['contact']).toBe('reconnecting');
    expect(hook('host-inspector').textContent).toContain('4 tasks unverified');
    expect(hook('task-node', 'Task-6').className).toContain('opacity-30');
    expect(hook('task-node', 'Task-2').className).not.toContain('opacity-30');

    await user.click(hook('task-node', 'Task-2'));
    expect(hook('unverified').textContent).toMatch(/MUGEN cannot be reached since \d\d:\d\d/);
    expect(hook('lost-host').textContent).toContain('The log goes on when the host is back.');
    expect(useView.getState().selectedHost).toBeNull();
  });

  it('comes back with its tasks', async () => {
    const { platform } = await openRun(62, LOST);
    await act(async () => {
      platform.hosts()?.comeBack('MUGEN');
      platform.advance(10);
    });
    expect(hostChip('MUGEN').dataset['contact']).toBe('ready');
    expect(hook('task-node', 'Task-2').dataset['phase']).toBe('running');
    expect(hook('inbox-button').dataset['waiting']).toBe('0');
  });

  it('is given up from the inbox only when the person agrees to what it costs', async () => {
    const { user, platform } = await openRun(62, LOST);
    const giveUp = vi.spyOn(platform, 'giveUpHost');
    await user.click(hook('inbox-button'));
    const item = await screen.findByTestId('inbox-item');
    expect(item.dataset['kind']).toBe('host_lost');
    expect(item.textContent).toContain('Nothing happens by itself');
    await user.click(within(item).getByTestId('host-give-up'));
    expect((await screen.findByTestId('confirm-dialog')).textContent).toContain('of work are done anew');
    expect(hook('confirm-lines').textContent).toContain('Task-2  Application core  (CG-1)');
    await user.click(hook('confirm-no'));
    expect(giveUp).not.toHaveBeenCalled();
    await user.click(hook('inbox-button'));
    await user.click(within(await screen.findByTestId('inbox-item')).getByTestId('host-give-up'));
    await user.click(await screen.findByTestId('confirm-yes'));
    await waitFor(() => expect(hostChip('MUGEN').dataset['contact']).toBe('gone'));
    expect(giveUp).toHaveBeenCalledExactlyOnceWith('MUGEN');
    expect(platform.simulation()?.task('Task-2')?.attempts[0]?.cause).toBe('host_lost');
  });

  it('says when its tasks move by themselves', async () => {
    const { user } = await openRun(62, { ...LOST, hosts: 'failover' });
    await user.click(hook('inbox-button'));
    expect((await screen.findByTestId('inbox-item')).textContent).toMatch(/By itself they run elsewhere in 9m/);
  });

  it('asks in place; a secret is gone from its field once it is sent', async () => {
    const { user, platform } = await openRun(5, { hosts: 'asks' });
    const answer = vi.spyOn(platform, 'answerHost');
    await user.click(hook('inbox-button'));
    await user.click(await screen.findByTestId('trust-key'));
    expect(answer).toHaveBeenLastCalledWith('MAJIN', { answer: 'trust', fingerprint: 'SHA256:uNiVztksCsDhcc0u9e8BrYHXNPNI2RIYGCI+sg5FJkM' });
    const field = await screen.findByTestId<HTMLInputElement>('host-secret');
    expect(field.type).toBe('password');
    await user.type(field, 'correct horse');
    vi.mocked(platform.answerHost).mockImplementationOnce(() => Promise.reject({ code: 'bad_input', message: 'it does not unlock the key', hints: [], findings: [] }));
    await user.click(hook('send-secret'));
    expect(answer).toHaveBeenLastCalledWith('MAJIN', { answer: 'secret', secret: 'correct horse' });
    expect(field.value).toBe('');
    expect((await screen.findByTestId('error-toast')).textContent).toContain('it does not unlock the key');
    expect(JSON.stringify(localStorage)).not.toContain('correct horse');
  });

  it('can be put off and answered later', async () => {
    const { user } = await openRun(5, { hosts: 'asks' });
    await user.click(hostChip('MAJIN'));
    await user.click(hook('question-later'));
    expect(screen.queryByTestId('fingerprint')).toBeNull();
    await user.click(hook('question-answer'));
    expect(hook('fingerprint').textContent).toContain('uNiVztks');
  });

  it('is reached by the keyboard', async () => {
    const { user } = await openRun(5);
    await user.keyboard('hh');
    expect(hook('host-inspector').dataset['hostId']).toBe('MAJIN');
    await user.keyboard('{Escape}');
    expect(screen.queryByTestId('host-inspector')).toBeNull();
  });
});

describe('the hosts of a plan', () => {
  const target = { plan: 'examples/level6', stateDir: null, rehearse: null };

  it('are tried out, question by question, with all that was said before', async () => {
    const { user, platform } = await openWindow({ target });
    const test = vi.spyOn(platform, 'testHost');
    const row = (await screen.findAllByTestId('plan-host')).find((one) => one.dataset['hostId'] === 'MAJIN') as HTMLElement;
    await user.click(within(row).getByTestId('test-host'));
    await user.click(await within(row).findByTestId('trust-key'));
    await user.type(await within(row).findByTestId('host-secret'), 'pass{Enter}');
    await waitFor(() => expect(row.textContent).toContain('It can be used.'));
    expect(within(row).getAllByTestId('doctor-line').at(-1)?.textContent).toContain('npm install -g @openai/codex');
    expect(test.mock.lastCall?.[0]).toMatchObject({
      plan: 'examples/level6',
      host: { id: 'MAJIN' },
      answer: { answer: 'secret', secret: 'pass' },
      before: [{ question: { question: 'unknown_key' }, answer: { answer: 'trust' } }],
    });
  });

  it('grow by one that ~/.ssh/config knows', async () => {
    const { user, platform } = await openWindow({ target });
    const add = vi.spyOn(platform, 'addHost');
    await user.click(await screen.findByTestId('add-host'));
    fireEvent.change(await screen.findByTestId('host-address'), { target: { value: 'mug' } });
    await user.click((await screen.findAllByTestId('ssh-name'))[1] as HTMLElement);
    expect((hook('host-id') as HTMLInputElement).value).toBe('MUGEN-JP');
    await user.click(hook('add-host-yes'));
    await waitFor(() => expect(add).toHaveBeenCalledTimes(1));
    expect(add.mock.calls[0]).toMatchObject(['examples/level6', { id: 'MUGEN-JP', address: 'mugen-jp', transport: 'ssh' }]);
    await waitFor(() => expect(screen.queryByTestId('add-host-form')).toBeNull());
  });

  it('are used by a rehearsal only when it is asked for', async () => {
    const { user, platform } = await openWindow({ target });
    const start = vi.spyOn(platform, 'startRun');
    await user.click(await screen.findByTestId('rehearse-on-hosts'));
    await user.click(hook('start-rehearse'));
    await waitFor(() => expect(hook('app-root').dataset['screen']).toBe('run'));
    expect(start.mock.calls[0]?.[0]).toMatchObject({ rehearse: 60, on_hosts: true });
  });
});

describe('the live terminal', () => {
  it('takes the place of the log until the person goes back, or to another agent', async () => {
    const { user, platform } = await openRun(20);
    const open = vi.spyOn(platform, 'openTerminal');
    await user.click(hook('task-node', 'Task-2'));
    await user.keyboard('t');
    await waitFor(() => expect(hook('live-terminal').dataset['state']).toBe('open'));
    expect(open.mock.calls[0]?.[0]).toBe('CG-1');
    expect(screen.queryByTestId('log-terminal')).toBeNull();
    await user.click(hook('terminal-back'));
    expect(hook('log-terminal').dataset['agentId']).toBe('CG-1');
    await user.click(hook('terminal-open'));
    expect(hook('live-terminal')).toBeTruthy();
    await user.click(hook('task-node', 'Task-3'));
    expect(hook('log-terminal').dataset['agentId']).toBe('CG-2');
    expect(screen.queryByTestId('live-terminal')).toBeNull();
  });

  it('has every key for itself', async () => {
    const { user } = await openRun(20);
    await user.click(hook('task-node', 'Task-2'));
    await user.keyboard('t');
    const area = document.createElement('textarea');
    hook('terminal-screen').append(area);
    for (const key of ['Escape', 'j', 'k']) fireEvent.keyDown(area, { key, ctrlKey: key === 'k', bubbles: true });
    expect(useView.getState()).toMatchObject({ selectedTask: 'Task-2', overlay: null, typing: true });
  });

  it('says when the link is lost, and does not say that the agent is', async () => {
    const { user, platform } = await openRun(62, LOST);
    await user.click(hook('task-node', 'Task-2'));
    await user.keyboard('t');
    expect(hook('lost-host').textContent).toContain('What you type is not delivered');
    await act(async () => {
      platform.hosts()?.comeBack('MUGEN');
      platform.advance(10);
    });
    expect(screen.queryByTestId('lost-host')).toBeNull();
  });
});
