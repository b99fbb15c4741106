// A plan before its run, the list of runs, and the settings.

import { screen, waitFor } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';

import { hook, openWindow } from './window';

const target = { plan: 'examples/level6', stateDir: null, rehearse: null };

describe('the review of a plan', () => {
  it('shows errors first and lets nothing start', async () => {
    await openWindow({ target, broken: true });
    const findings = await screen.findAllByTestId('finding');
    expect(findings.map((finding) => finding.dataset['severity'])).toEqual(['error', 'error', 'warning', 'warning']);
    expect(findings[0]?.textContent).toContain('task_dag.json:88');
    expect((hook('start-run') as HTMLButtonElement).disabled).toBe(true);
    expect((hook('start-rehearse') as HTMLButtonElement).disabled).toBe(true);
  });

  it('compares the choices and rehearses the chosen one', async () => {
    const { user, platform } = await openWindow({ target });
    const start = vi.spyOn(platform, 'startRun');
    await user.click(await screen.findByTestId('choice-drop'));
    expect(hook('choice-drop').textContent).toContain('1h 30m');
    expect(hook('choice-drop').textContent).toContain('2 needs dropped');
    await user.click(hook('start-rehearse'));
    await waitFor(() => expect(hook('app-root').dataset['screen']).toBe('run'));
    expect(start.mock.calls[0]?.[0]).toMatchObject({
      plan: 'examples/level6',
      rehearse: 60,
      trust: false,
      choice: { follow_waves: true, drop_conflicting_edges: true },
    });
  });

  it('asks for trust once before a real run, and starts only when it is given', async () => {
    const { user, platform } = await openWindow({ target });
    const begin = platform.startRun.bind(platform);
    const start = vi.spyOn(platform, 'startRun').mockImplementation((options) =>
      options.trust ? begin(options) : Promise.reject({ code: 'needs_trust', message: 'not trusted', hints: [], findings: [] }),
    );
    await user.click(await screen.findByTestId('external'));
    await user.click(hook('start-run'));
    expect((await screen.findByTestId('confirm-dialog')).textContent).toContain('Trust this plan');
    await user.click(hook('confirm-no'));
    expect(start).toHaveBeenCalledTimes(1);
    await user.click(hook('start-run'));
    await user.click(await screen.findByTestId('confirm-yes'));
    await waitFor(() => expect(hook('app-root').dataset['screen']).toBe('run'));
    expect(start.mock.lastCall?.[0]).toMatchObject({ trust: true, external: true, rehearse: null });
  });

  it('shows in full what stands in the way of a start', async () => {
    const { user, platform } = await openWindow({ target });
    vi.spyOn(platform, 'startRun').mockRejectedValue({ code: 'held', message: 'pid 4711 holds it', hints: ['stop it'], findings: [] });
    await user.click(await screen.findByTestId('start-rehearse'));
    const refusal = await screen.findByTestId('start-error');
    expect(refusal.dataset['code']).toBe('held');
    expect(refusal.textContent).toContain('pid 4711 holds it');
  });
});

describe('the beginning', () => {
  it('lists runs that are at work first, and opens one', async () => {
    const { user } = await openWindow();
    const runs = await screen.findAllByTestId('run-line');
    expect(runs[0]?.dataset['runId']).toBe('b2');
    await user.click(runs[0] as HTMLElement);
    await waitFor(() => expect(hook('app-root').dataset['screen']).toBe('run'));
  });

  it('rehearses at once when it was started so', async () => {
    const { platform } = await openWindow({ target: { ...target, rehearse: 60 } });
    await waitFor(() => expect(hook('app-root').dataset['screen']).toBe('run'));
    expect(platform.simulation()).not.toBeNull();
  });

  it('says what is wrong when the run cannot be opened', async () => {
    const { session, platform } = await openWindow();
    vi.spyOn(platform, 'openRun').mockRejectedValue({ code: 'no_run', message: 'nothing in /tmp/x', hints: [], findings: [] });
    await session.open('/tmp/x');
    expect(await screen.findByText('nothing in /tmp/x')).toBeTruthy();
  });
});

describe('the settings', () => {
  it('change the language, the appearance and the notifications', async () => {
    const { user, platform } = await openWindow();
    const language = vi.spyOn(platform, 'setLanguage');
    const notifications = vi.spyOn(platform, 'setNotifications');
    await user.click(screen.getByRole('button', { name: 'Settings' }));
    await user.click(await screen.findByTestId('language-ja'));
    expect(await screen.findByText('設定')).toBeTruthy();
    expect(language).toHaveBeenCalledWith('ja');
    await user.click(hook('theme-dark'));
    expect(document.documentElement.dataset['theme']).toBe('dark');
    await user.click(screen.getByRole('switch'));
    expect(notifications).toHaveBeenLastCalledWith(false);
  });
});
