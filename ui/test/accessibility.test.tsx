// No screen has a serious fault for those who do not see or do not use a mouse.

import axe from 'axe-core';
import { cleanup, screen } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { resetView } from '../src/store/view';
import { hook, openRun, openWindow } from './window';

async function seriousFaults(): Promise<string[]> {
  const found = await axe.run(document.body, {
    // jsdom lays nothing out: contrast and sizes cannot be measured here.
    rules: { 'color-contrast': { enabled: false }, 'target-size': { enabled: false } },
  });
  return found.violations
    .filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`);
}

describe('every screen is accessible', () => {
  it('the beginning', async () => {
    await openWindow();
    await screen.findAllByTestId('run-line');
    expect(await seriousFaults()).toEqual([]);
  });

  it('the review of a plan', async () => {
    await openWindow({ target: { plan: 'examples/level6', stateDir: null, rehearse: null } });
    await screen.findAllByTestId('finding');
    expect(await seriousFaults()).toEqual([]);
  });

  it('a run with its inspector', async () => {
    const { user } = await openRun(45);
    await user.click(hook('task-node', 'Task-7'));
    expect(await seriousFaults()).toEqual([]);
  });

  it('a run with a lost host, and with one that asks', async () => {
    for (const hosts of ['lost', 'asks', 'password'] as const) {
      const { user } = await openRun(62, { hosts, speed: 20 });
      const id = hosts === 'lost' ? 'MUGEN' : 'MAJIN';
      await user.click(screen.getAllByTestId('host').find((chip) => chip.dataset['hostId'] === id) as HTMLElement);
      expect(await seriousFaults()).toEqual([]);
      cleanup();
      resetView();
    }
  });

  it('a host that is added', async () => {
    const { user } = await openWindow({ target: { plan: 'examples/level6', stateDir: null, rehearse: null } });
    await user.click(await screen.findByTestId('add-host'));
    await screen.findAllByTestId('ssh-name');
    expect(await seriousFaults()).toEqual([]);
  });
});
