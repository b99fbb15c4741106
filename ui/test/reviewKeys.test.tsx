// A review without a mouse, and nothing that is written there is lost unasked.

import axe from 'axe-core';
import { screen, waitFor, within } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';

import { hook, openRun } from './window';
import { dropDrafts } from '../src/store/comments';

const ROUTER = 'webapp_framework/routing/router.py';

// Drafts live as long as the window, which is one for all tests.
afterEach(() => dropDrafts('Task-6'));

async function openReview() {
  const opened = await openRun(30, { work: 'review' });
  await opened.user.click(hook('inbox-button'));
  await opened.user.click(await screen.findByTestId('inbox-review'));
  const sheet = await screen.findByTestId('review-sheet');
  await waitFor(() => within(sheet).getAllByTestId('review-file'));
  for (const file of within(sheet).getAllByTestId('review-file')) if (file.dataset['path'] === ROUTER) await opened.user.click(file);
  return { ...opened, sheet };
}

it('a line is chosen and commented by keys, and the keys go on afterwards', async () => {
  const { user, sheet } = await openReview();
  const lines = within(sheet).getAllByTestId('diff-line');
  expect(lines.filter((line) => line.tabIndex === 0)).toHaveLength(1);
  lines[0]?.focus();
  await user.keyboard('{ArrowDown}{ArrowDown}{ArrowUp}');
  const line = lines[1]?.dataset['line'];
  expect((document.activeElement as HTMLElement).dataset['line']).toBe(line);
  await user.keyboard('{Enter}');
  await user.keyboard('Say why.{Control>}{Enter}{/Control}');
  expect(within(sheet).getByTestId('draft').textContent).toContain(`${ROUTER}:${line}`);
  await waitFor(() => expect((document.activeElement as HTMLElement).dataset['line']).toBe(line));
  await user.keyboard('n');
  expect(within(sheet).getByTestId('shown-file').textContent).not.toBe(ROUTER);
  await waitFor(() => expect(sheet.querySelector('[data-keys]')?.contains(document.activeElement)).toBe(true));
  await user.keyboard('p');
  expect(within(sheet).getByTestId('shown-file').textContent).toBe(ROUTER);
});

it('an acceptance asks before it drops comments', async () => {
  const { user, platform, sheet } = await openReview();
  const accept = vi.spyOn(platform, 'accept');
  await user.click(within(sheet).getAllByTestId('diff-line')[0] as HTMLElement);
  await user.keyboard('Say why.{Control>}{Enter}{/Control}');
  await user.click(within(sheet).getByTestId('accept'));
  await user.click(await screen.findByTestId('confirm-no'));
  expect(accept).not.toHaveBeenCalled();
  expect(within(sheet).getByTestId('draft').textContent).toContain('Say why.');
  await user.click(within(sheet).getByTestId('accept'));
  await user.click(await screen.findByTestId('confirm-yes'));
  expect(accept).toHaveBeenCalledOnce();
});

it('says why a folded file cannot be shown', async () => {
  const { user, platform, sheet } = await openReview();
  for (const file of within(sheet).getAllByTestId('review-file')) if (file.dataset['path']?.endsWith('bundle.js') === true) await user.click(file);
  vi.spyOn(platform, 'taskDiff').mockRejectedValue({ code: 'no_run', message: 'the host is gone', hints: [], findings: [] });
  await user.click(await within(sheet).findByTestId('show-whole'));
  expect((await within(sheet).findByTestId('review-error')).textContent).toContain('the host is gone');
});

it('has no fault that keeps anybody out', async () => {
  const { sheet } = await openReview();
  // Nothing is laid out here: contrast and sizes cannot be measured.
  const found = await axe.run(sheet, { rules: { 'color-contrast': { enabled: false }, 'target-size': { enabled: false } } });
  expect(found.violations.map((violation) => violation.id)).toEqual([]);
});
