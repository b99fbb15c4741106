// The run's repository in its details, and what can be done with the result.

import { GitBranch, GitPullRequest } from 'lucide-react';

import { Button } from '../design/controls';
import { useText } from '../i18n';
import { Fact, Section } from '../inspector/parts';
import { useRun } from '../store/run';
import { showOverlay } from '../store/view';
import { mayPull } from './PullSheet';

const short = (commit: string): string => commit.slice(0, 12);

export function GitFacts() {
  const t = useText();
  const git = useRun((data) => data.run.git);
  if (git === null) return null;
  return (
    <Section title="git.title">
      <dl data-testid="git-facts" className="grid grid-cols-[112px_minmax(0,1fr)] gap-x-3 gap-y-1">
        <Fact label="git.repository">{git.repository}</Fact>
        <Fact label="git.base">
          {git.base_branch ?? t('git.detached')} <span className="font-mono text-2xs text-ink-3">{short(git.base)}</span>
        </Fact>
        {git.stashed === null ? null : (
          <Fact label="git.stashed">
            <span className="font-mono text-2xs">{git.stashed}</span>
          </Fact>
        )}
        {git.remote === null ? null : <Fact label="git.remote">{git.remote}</Fact>}
        <Fact label="git.result">
          <span className="font-mono text-2xs break-all">{git.result_branch}</span> <span className="text-ink-3">{git.result === null ? t('git.not_yet') : short(git.result)}</span>
        </Fact>
        <Fact label="git.merges">{git.merges.length}</Fact>
      </dl>
      <div className="mt-2 flex flex-wrap gap-1.5">
        {mayPull(git) ? (
          <Button icon={GitPullRequest} data-testid="pull-button" onClick={() => showOverlay('pull_request')}>
            {t('pull.title')}
          </Button>
        ) : null}
        <Button icon={GitBranch} data-testid="trees-button" onClick={() => showOverlay('trees')}>
          {t('trees.title')}
        </Button>
      </div>
    </Section>
  );
}
