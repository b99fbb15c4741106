// What moves with a task to another agent: the person reads it, edits it, and sends it.

import { TriangleAlert } from 'lucide-react';
import { useState } from 'react';

import { Button } from '../design/controls';
import { Sheet } from '../design/surfaces';
import { useText } from '../i18n';
import { CodeLines, Fact } from '../inspector/parts';
import type { AgentId, HandOver, Kind } from '../platform/types';
import { answerHandOver, useHandOver } from '../store/handOver';

function Form({ packet, agent, across }: { packet: HandOver; agent: AgentId; across: Kind | null }) {
  const t = useText();
  const [text, setText] = useState(packet.text);
  return (
    <form
      data-testid="hand-over"
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        answerHandOver(text);
      }}
    >
      {across === null ? null : (
        <p data-testid="hand-over-across" className="flex items-start gap-1.5 rounded-md border border-back-off/50 px-2.5 py-2 text-xs text-ink">
          <TriangleAlert size={14} aria-hidden className="mt-px shrink-0 text-back-off" />
          {t('hand_over.across', { task: packet.task, agent, planned: across, kind: agent.split('-')[0] ?? '' })}
        </p>
      )}
      <dl className="grid grid-cols-[112px_minmax(0,1fr)] gap-x-3 gap-y-1">
        <Fact label="hand_over.branch">
          <span className="font-mono text-2xs break-all">{packet.branch ?? '–'}</span>
        </Fact>
        <Fact label="hand_over.host">{packet.host ?? '–'}</Fact>
        <Fact label="hand_over.files">
          <div className="max-h-28 overflow-y-auto">
            <CodeLines lines={packet.files} none="inspector.none" />
          </div>
        </Fact>
      </dl>
      <label className="flex flex-col gap-1 text-xs text-ink-2">
        {t('hand_over.packet')}
        <textarea data-testid="hand-over-text" rows={12} value={text} aria-label={t('hand_over.packet')} onChange={(event) => setText(event.target.value)} className="selectable resize-y rounded-md border border-line-strong bg-surface px-2.5 py-2 font-mono text-2xs text-ink outline-none focus:border-accent" />
      </label>
      <div className="flex justify-end gap-1.5">
        <Button data-testid="hand-over-no" onClick={() => answerHandOver(null)}>
          {t('action.not_now')}
        </Button>
        <Button type="submit" look="primary" data-testid="hand-over-yes" data-agent-id={agent}>
          {t(across === null ? 'hand_over.move' : 'confirm.across.yes')}
        </Button>
      </div>
    </form>
  );
}

export function HandOverDialog() {
  const t = useText();
  const asked = useHandOver((state) => state.asked);
  if (asked === null) return null;
  const { handOver, agent, across } = asked;
  return (
    <Sheet open onClose={() => answerHandOver(null)} title={t('hand_over.title', { task: handOver.task, agent })} description={t('hand_over.note')} width="w-[640px]">
      <Form key={`${handOver.task} ${agent}`} packet={handOver} agent={agent} across={across} />
    </Sheet>
  );
}
