// The line in which a person speaks to an agent at its work.

import { SendHorizontal } from 'lucide-react';
import { useState } from 'react';

import { IconButton } from '../design/controls';
import { useText } from '../i18n';
import type { AgentId } from '../platform/types';
import { useCommands } from '../store/context';
import { useRun } from '../store/run';

export function SayLine({ agent }: { agent: AgentId }) {
  const t = useText();
  const commands = useCommands();
  const listens = useRun((data) => data.agents[agent]?.listens ?? false);
  const [text, setText] = useState('');
  if (!listens) return null;
  const say = async (): Promise<void> => {
    if (text.trim() !== '' && (await commands.say(agent, text.trim()))) setText('');
  };
  return (
    <form
      data-testid="say-line"
      className="flex items-center gap-1 border-t border-line bg-surface py-1 pr-1 pl-3"
      onSubmit={(event) => {
        event.preventDefault();
        void say();
      }}
    >
      <input
        aria-label={t('say.label', { agent })}
        placeholder={t('say.label', { agent })}
        value={text}
        onChange={(event) => setText(event.target.value)}
        className="h-7 min-w-0 flex-1 bg-transparent text-sm outline-none placeholder:text-ink-3"
      />
      <IconButton type="submit" icon={SendHorizontal} label={t('say.send')} disabled={text.trim() === ''} />
    </form>
  );
}
