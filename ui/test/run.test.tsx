// What a person does with a run, in the whole window.

import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';

import { hook, openRun } from './window';

describe('a run', () => {
  it('shows where it stands, and goes on to 15 of 15', async () => {
    const { play } = await openRun();
    expect(hook('run-phase').dataset['phase']).toBe('running');
    expect(hook('rehearsal-badge').textContent).toContain('REHEARSAL 60×');
    await play(200);
    expect(hook('progress-count').textContent).toBe('15/15');
    expect(hook('run-phase').dataset['phase']).toBe('completed');
  });

  it('links all views to one selection', async () => {
    const { user } = await openRun(5);
    await user.click(hook('timeline-bar', 'Task-6'));
    expect(hook('task-node', 'Task-6').getAttribute('aria-pressed')).toBe('true');
    expect(hook('inspector').dataset['taskId']).toBe('Task-6');
    expect(hook('log-terminal').dataset['agentId']).toBe('CG-5');
    await user.click(hook('task-node', 'Task-2'));
    expect(hook('timeline-bar', 'Task-2').getAttribute('aria-pressed')).toBe('true');
    expect(hook('inspector').dataset['taskId']).toBe('Task-2');
    expect(hook('log-terminal').dataset['agentId']).toBe('CG-1');
  });

  it('says why a task waits, and leads to what it waits for', async () => {
    const { user } = await openRun(5);
    await user.click(hook('task-node', 'Task-6'));
    const reasons = hook('wait-reasons');
    expect(reasons.textContent).toContain('Waits for Task-2, Task-3 to complete.');
    await user.click(within(reasons).getByRole('button', { name: /Task-3/ }));
    expect(hook('inspector').dataset['taskId']).toBe('Task-3');
  });

  it('reassigns a waiting task by its menu', async () => {
    const { user, platform } = await openRun(5);
    const reassign = vi.spyOn(platform, 'reassign');
    await user.click(hook('task-node', 'Task-6'));
    await user.keyboard('r');
    const menu = await screen.findByTestId('reassign-menu');
    const task = platform.simulation()?.task('Task-6');
    const options = within(menu).getAllByTestId('reassign-option');
    expect(options[0]?.dataset['agentId']).toMatch(/^CG-/);
    expect(hook('reassign-option', task?.agent ?? '').getAttribute('aria-disabled')).toBe('true');
    await user.click(hook('reassign-option', 'CG-9'));
    expect(reassign).toHaveBeenCalledExactlyOnceWith('Task-6', 'CG-9', false, false, null);
    await waitFor(() => expect(platform.simulation()?.task('Task-6')?.agent).toBe('CG-9'));
  });

  it('gives a waiting task to an agent of another kind only when that is agreed', async () => {
    const { user, platform } = await openRun(5);
    const reassign = vi.spyOn(platform, 'reassign');
    const choose = async (): Promise<void> => {
      await user.click(hook('task-node', 'Task-6'));
      await user.keyboard('r');
      await screen.findByTestId('reassign-menu');
      await user.click(hook('reassign-option', 'CCG-3'));
      expect((await screen.findByTestId('confirm-dialog')).textContent).toContain('planned for an agent of kind CG; CCG-3 is of kind CCG');
    };
    await choose();
    await user.click(hook('confirm-no'));
    expect(reassign).not.toHaveBeenCalled();
    await choose();
    await user.click(hook('confirm-yes'));
    await waitFor(() => expect(reassign).toHaveBeenCalledExactlyOnceWith('Task-6', 'CCG-3', false, true, null));
    await waitFor(() => expect(platform.simulation()?.task('Task-6')?.agent).toBe('CCG-3'));
  });

  it('asks before it stops a running attempt, and does nothing when refused', async () => {
    const { user, platform } = await openRun(5);
    const reassign = vi.spyOn(platform, 'reassign');
    const choose = async (): Promise<void> => {
      await user.click(hook('task-node', 'Task-1'));
      await user.keyboard('r');
      await user.click(await screen.findByText('CCG-3', { selector: '[data-testid=reassign-option] *' }));
      await screen.findByTestId('hand-over');
    };
    await choose();
    await user.click(hook('hand-over-no'));
    expect(reassign).not.toHaveBeenCalled();
    await choose();
    await user.click(hook('hand-over-yes'));
    await waitFor(() => expect(reassign).toHaveBeenLastCalledWith('Task-1', 'CCG-3', true, false, expect.stringContaining('A person moves this task')));
    expect(platform.simulation()?.task('Task-1')?.attempts.map((attempt) => attempt.cause)).toEqual(['reassigned', null]);
  });

  it('puts a failure into the inbox, and leads from there to its task', async () => {
    const { user, play } = await openRun(0, { stumbles: null, fails: 'Task-4' });
    await play(30);
    expect(hook('inbox-button').dataset['count']).toBe('1');
    await user.click(hook('inbox-button'));
    const notices = await screen.findAllByTestId('notice');
    expect(notices[0]?.dataset['kind']).toBe('task_failed');
    await user.click(notices[0] as HTMLElement);
    expect(hook('inspector').dataset['taskId']).toBe('Task-4');
    expect(hook('inspector').textContent).toContain('exit code 1');
  });

  it('offers what makes sense after a failure, and tries what failed again', async () => {
    const { user, platform, play } = await openRun(0, { stumbles: null, fails: 'Task-4' });
    await play(300);
    expect(hook('run-phase').dataset['phase']).toMatch(/failed|stuck/);
    expect(screen.queryByTestId('pause-run')).toBeNull();
    const retry = vi.spyOn(platform, 'retryTask');
    await user.click(hook('retry-failed'));
    expect(retry).toHaveBeenCalledExactlyOnceWith('Task-4');
  });

  it('shows the newest notice alone, and none while the inbox is open', async () => {
    const { user, platform } = await openRun(5);
    const tell = (id: number): void =>
      platform.emit({
        event: 'notice',
        value: { id, kind: 'attempt_failed', at: new Date().toISOString(), task: 'Task-1', agent: 'CCG-1', detail: '', blocks: 0 },
      });
    act(() => [501, 502, 503].forEach(tell));
    expect(screen.getAllByTestId('notice')).toHaveLength(1);
    expect(screen.getByText('2 more in the inbox')).toBeTruthy();
    await user.click(hook('inbox-button'));
    expect(screen.queryByText('2 more in the inbox')).toBeNull();
    const listed = screen.getAllByTestId('notice').length;
    act(() => tell(504));
    await waitFor(() => expect(screen.getAllByTestId('notice')).toHaveLength(listed + 1));
  });

  it('gives a task to the agent that the hand lets go over, however quick the hand was', async () => {
    const { platform } = await openRun(5);
    const reassign = vi.spyOn(platform, 'reassign');
    const target = hook('agent-target', 'CG-9');
    document.elementFromPoint = () => target;
    fireEvent.pointerDown(hook('task-node', 'Task-6'), { button: 0, isPrimary: true, pointerId: 1, clientX: 10, clientY: 10 });
    fireEvent.pointerUp(hook('task-node', 'Task-6'), { isPrimary: true, pointerId: 1, clientX: 300, clientY: 300 });
    await waitFor(() => expect(reassign).toHaveBeenCalledExactlyOnceWith('Task-6', 'CG-9', false, false, null));
  });

  it('pauses, resumes and cancels', async () => {
    const { user, platform } = await openRun(5);
    await user.click(hook('pause-run'));
    await waitFor(() => expect(hook('run-phase').dataset['phase']).toBe('paused'));
    await user.keyboard('p');
    await waitFor(() => expect(hook('run-phase').dataset['phase']).toBe('running'));
    const cancel = vi.spyOn(platform, 'cancelRun');
    await user.click(hook('cancel-run'));
    expect(cancel).not.toHaveBeenCalled();
    await user.click(await screen.findByTestId('confirm-yes'));
    await waitFor(() => expect(hook('run-phase').dataset['phase']).toBe('cancelled'));
  });

  it('exports the report in the chosen form and says where it lies', async () => {
    const { user, platform } = await openRun(5);
    const save = vi.spyOn(platform, 'exportReport');
    await user.click(hook('export-button'));
    await user.click(await screen.findByTestId('export-html'));
    expect(save).toHaveBeenCalledWith('html');
    expect(await screen.findByText(/level6-report\.html/)).toBeTruthy();
  });

  it('shows what the program refuses, in its words', async () => {
    const { user, platform } = await openRun(5);
    vi.spyOn(platform, 'pause').mockRejectedValue({ code: 'conflict', message: 'the run has ended', hints: ['open it anew'], findings: [] });
    await user.click(hook('pause-run'));
    expect((await screen.findByTestId('error-toast')).textContent).toContain('the run has ended');
    expect(hook('error-toast').dataset['code']).toBe('conflict');
  });

  it('says when the backend is lost, and fetches the run when it is back', async () => {
    const { platform } = await openRun(5);
    const open = vi.spyOn(platform, 'openRun');
    platform.setBackend('lost');
    expect(await screen.findByTestId('connection-lost')).toBeTruthy();
    platform.setBackend('connected');
    await waitFor(() => expect(screen.queryByTestId('connection-lost')).toBeNull());
    expect(open).toHaveBeenCalledTimes(1);
  });

  it('fetches the run anew when a change was missed', async () => {
    const { platform, play } = await openRun(5);
    const open = vi.spyOn(platform, 'openRun');
    platform.simulation()?.advance(Date.now() + 20_000);
    platform.simulation()?.patch();
    await play(30);
    await waitFor(() => expect(open).toHaveBeenCalled());
    await waitFor(() => expect(hook('task-node', 'Task-1').dataset['phase']).toBe('completed'));
  });

  it('walks over the tasks by keys and opens the palette', async () => {
    const { user } = await openRun(5);
    await user.keyboard('jjj');
    expect(hook('inspector').dataset['taskId']).toBe('Task-3');
    await user.keyboard('{ArrowRight}');
    expect(hook('inspector').dataset['taskId']).toBe('Task-6');
    await user.keyboard('{Control>}k{/Control}');
    await user.type(await screen.findByPlaceholderText('Task, agent or command…'), 'verify{Enter}');
    await waitFor(() => expect(hook('inspector').dataset['taskId']).toBe('Task-15'));
  });
});
