// What a plan's review says about its start.

import type { Choice, DoctorLine, Finding, PlanView } from '../platform/types';

export const SPEEDS = [1, 10, 60, 600] as const;
export const DEFAULT_SPEED = 60;

export function sameChoice(a: Choice, b: Choice): boolean {
  return a.follow_waves === b.follow_waves && a.drop_conflicting_edges === b.drop_conflicting_edges;
}

export type ChoiceKey = 'choice.edges' | 'choice.waves' | 'choice.drop';

export function choiceKey(choice: Choice): ChoiceKey {
  if (choice.drop_conflicting_edges) return 'choice.drop';
  return choice.follow_waves ? 'choice.waves' : 'choice.edges';
}

/** Errors first, otherwise as they were found. */
export function orderFindings(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
}

/** As `task_dag.json:121  tasks[7].needs[0]`. */
export function placeText(finding: Finding): string {
  const { file, line, path } = finding.place;
  return [line === null ? file : `${file}:${line}`, path].filter((part) => part !== '').join('  ');
}

export type StartBlocker = 'review.blocked_errors' | 'review.blocked_machine' | 'review.blocked_runners';

function fails(line: DoctorLine): boolean {
  return line.required && !line.ok;
}

/** Why this plan cannot be rehearsed here; null when it can. */
export function rehearseBlocker(plan: PlanView, doctor: readonly DoctorLine[]): StartBlocker | null {
  if (plan.preview === null || plan.findings.some((finding) => finding.severity === 'error')) return 'review.blocked_errors';
  return doctor.some((line) => fails(line) && !line.for_agents) ? 'review.blocked_machine' : null;
}

/** Why this plan cannot be run here; null when it can. An external run needs no runners. */
export function startBlocker(plan: PlanView, doctor: readonly DoctorLine[], external: boolean): StartBlocker | null {
  const blocker = rehearseBlocker(plan, doctor);
  if (blocker !== null || external) return blocker;
  return plan.obstacles.length > 0 || doctor.some(fails) ? 'review.blocked_runners' : null;
}
