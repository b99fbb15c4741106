// Work on git in the window: reviews, conflicts, hand-overs, verification, history, cleaning up.

import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';

import { applyPatch, fromSnapshot } from '../src/store/merge';
import { level6 } from '../src/platform/memory/level6';
import { hook, openRun } from './window';

describe('a review', () => {
  it('takes a comment on a line back to the agent, from the inbox on', async () => {
    const { user, platform } = await openRun(30, { work: 'review' });
    const sent = vi.spyOn(platform, 'sendBack');
    await user.click(hook('inbox-button'));
    await user.click(await screen.findByTestId('inbox-review'));
    const sheet = await screen.findByTestId('review-sheet');
    await waitFor(() => expect(within(sheet).getAllByTestId('review-file')).toHaveLength(7));
    expect((within(sheet).getByTestId('send-back') as HTMLButtonElement).disabled).toBe(true);
    await user.click(within(sheet).getAllByTestId('review-file').find((file) => file.dataset['path']?.endsWith('router.py')) as HTMLElement);
    const line = within(sheet).getAllByTestId('diff-line').find((one) => one.dataset['line'] === '5') as HTMLElement;
    await user.click(line);
    await user.type(within(within(sheet).getByTestId('comment-form')).getByRole('textbox'), 'Import it for types only.');
    await user.click(within(sheet).getByTestId('comment-add'));
    await user.click(within(sheet).getByTestId('send-back'));
    expect(sent.mock.calls[0]?.[1]).toEqual([{ file: expect.stringMatching(/router\.py$/) as string, line: 5, text: 'Import it for types only.' }]);
    await waitFor(() => expect(screen.queryByTestId('review-sheet')).toBeNull());
  });

  it('is accepted, and unfolds what was folded', async () => {
    const { user, platform } = await openRun(30, { work: 'review' });
    const accept = vi.spyOn(platform, 'accept');
    await user.click(hook('inbox-button'));
    await user.click(await screen.findByTestId('inbox-review'));
    const sheet = await screen.findByTestId('review-sheet');
    await waitFor(() => within(sheet).getAllByTestId('review-file'));
    await user.click(within(sheet).getAllByTestId('review-file').find((file) => file.dataset['path']?.endsWith('bundle.js')) as HTMLElement);
    await user.click(await within(sheet).findByTestId('show-whole'));
    await waitFor(() => expect(within(sheet).getByTestId('diff').textContent).toContain('export default app'));
    await user.click(within(sheet).getByTestId('accept'));
    expect(accept).toHaveBeenCalledOnce();
  });
});

it('a begun task is handed over with the text as the person left it', async () => {
  const { user, platform } = await openRun(5, { work: 'play' });
  const reassign = vi.spyOn(platform, 'reassign');
  await user.click(hook('task-node', 'Task-1'));
  await user.keyboard('r');
  await screen.findAllByTestId('reassign-option');
  await user.click(hook('reassign-option', 'CCG-3'));
  const text = await screen.findByTestId('hand-over-text');
  fireEvent.change(text, { target: { value: 'Begin with the tests.' } });
  await user.click(hook('hand-over-yes'));
  await waitFor(() => expect(reassign.mock.calls[0]?.slice(2)).toEqual([true, false, 'Begin with the tests.']));
});

it('a begun task that goes to another kind says so above what is handed over', async () => {
  const { user, platform } = await openRun(5, { work: 'play' });
  const reassign = vi.spyOn(platform, 'reassign');
  await user.click(hook('task-node', 'Task-1'));
  await user.keyboard('r');
  await screen.findAllByTestId('reassign-option');
  await user.click(hook('reassign-option', 'CG-9'));
  expect((await screen.findByTestId('hand-over-across')).textContent).toContain('planned for an agent of kind CCG');
  await user.click(hook('hand-over-yes'));
  await waitFor(() => expect(reassign.mock.calls[0]?.slice(2, 4)).toEqual([true, true]));
});

it('a conflict is ended by a commit of the person', async () => {
  const { user, platform } = await openRun(30, { work: 'conflict' });
  const take = vi.spyOn(platform, 'takeCommit');
  expect(screen.getAllByTestId('merge-mark').length).toBeGreaterThan(0);
  await user.click(hook('inbox-button'));
  await user.type(await screen.findByTestId('take-revision'), 'my-merge');
  await user.click(hook('take-commit'));
  expect(take.mock.calls[0]?.[1]).toBe('my-merge');
});

it('a verification that does not hold is shown, and run again', async () => {
  const { user } = await openRun(30, { work: 'verification' });
  expect(hook('verification').dataset['state']).toBe('failed');
  await user.click(hook('verification'));
  expect((await screen.findByTestId('tests-count')).textContent).toBe('40 of 42 passed');
  expect(screen.getAllByTestId('test-row')).toHaveLength(2);
  await user.click(hook('verify-again'));
  await waitFor(() => expect(hook('verification').dataset['state']).toBe('passed'));
});

it('overlapping tasks both say so', async () => {
  await openRun(30, { work: 'overlap' });
  const marked = new Set(screen.getAllByTestId('overlap-mark').map((mark) => mark.closest('[data-task-id]')?.getAttribute('data-task-id')));
  expect(marked.size).toBe(2);
});

it('the past can be looked at, and nothing told to it', async () => {
  const { user, platform } = await openRun(60);
  const before = hook('task-node', 'Task-1').dataset['phase'];
  expect(before).toBe('completed');
  await user.click(hook('history-button'));
  await screen.findByTestId('history-bar');
  fireEvent.change(hook('history-slider'), { target: { value: '1' } });
  await waitFor(() => expect(hook('task-node', 'Task-1').dataset['phase']).not.toBe('completed'));
  expect(screen.queryByTestId('pause-run')).toBeNull();
  const pause = vi.spyOn(platform, 'pause');
  fireEvent.keyDown(document.body, { key: 'p' });
  await act(async () => Promise.resolve());
  expect(pause).not.toHaveBeenCalled();
  await user.click(hook('history-back'));
  expect(hook('task-node', 'Task-1').dataset['phase']).toBe('completed');
});

it('work trees are removed but for those that hold work', async () => {
  const { user, platform } = await openRun(10, { work: 'play' });
  const remove = vi.spyOn(platform, 'removeTrees');
  await user.click(hook('trees-button'));
  await user.click(await screen.findByTestId('trees-all'));
  await user.click(hook('trees-remove'));
  await user.click(await screen.findByTestId('confirm-yes'));
  expect(remove.mock.calls[0]?.[0]).toHaveLength(3);
  await waitFor(() => expect(screen.getAllByTestId('kept-tree')).toHaveLength(1));
});

it('a result is opened as a pull request', async () => {
  const { user } = await openRun(10, { work: 'passed' });
  await user.click(hook('pull-button'));
  await user.click(await screen.findByTestId('pull-open'));
  expect((await screen.findByTestId('pull-opened')).textContent).toContain('/pull/17');
});

it('a task that comes with a patch is added, and the graph laid out anew', () => {
  const start = fromSnapshot(level6(0));
  const model = start.tasks['Task-8'];
  if (model === undefined) throw new Error('the fixture lost Task-8');
  const merge = { ...model, id: 'Merge-Task-8' };
  const after = applyPatch(start, { revision: 2, run: start.run, tasks: [merge], agents: [], hosts: [], inbox: null, notices: [] });
  if (after === 'gap') throw new Error('not a gap');
  expect(after.taskIds.at(-1)).toBe('Merge-Task-8');
  expect(after.topology).toBe(start.topology + 1);
});
