// A task's state as a shape: it is told apart without its colour.

import { memo } from 'react';

import type { TaskPhase } from '../platform/types';

function shape(phase: TaskPhase): React.JSX.Element {
  const stroke = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.6, strokeLinecap: 'round' } as const;
  switch (phase) {
    case 'pending':
      return <circle cx="8" cy="8" r="5.6" {...stroke} strokeDasharray="2.2 2.2" strokeLinecap="butt" />;
    case 'ready':
      return <circle cx="8" cy="8" r="5.6" {...stroke} />;
    case 'preparing':
      return (
        <>
          <circle cx="8" cy="8" r="5.6" {...stroke} strokeDasharray="8.8 8.8" />
          <path d="M8 5.4 V10.6 M5.4 8 H10.6" {...stroke} />
        </>
      );
    case 'review':
      return (
        <>
          <path d="M2.4 3 H13.6 V10.8 H8.6 L5.4 13.6 V10.8 H2.4 Z" {...stroke} strokeLinejoin="round" />
          <path d="M5.6 7 L7.3 8.7 L10.6 5.3" {...stroke} strokeLinejoin="round" />
        </>
      );
    case 'offered':
      return (
        <>
          <circle cx="8" cy="8" r="5.6" {...stroke} />
          <circle cx="8" cy="8" r="2.2" fill="currentColor" />
        </>
      );
    case 'running':
      return (
        <>
          <circle cx="8" cy="8" r="5.6" {...stroke} opacity="0.25" />
          <path d="M8 2.4 A5.6 5.6 0 0 1 13.6 8" {...stroke} strokeWidth={2} className="turning" style={{ transformOrigin: '8px 8px' }} />
        </>
      );
    case 'unverified':
      return (
        <>
          <circle cx="8" cy="8" r="6.2" {...stroke} strokeWidth={1.4} strokeDasharray="2.6 2.27" strokeLinecap="butt" />
          <path d="M6.2 6.6 A1.85 1.85 0 1 1 8 8.5 V9.2" {...stroke} strokeWidth={1.5} />
          <circle cx="8" cy="11.3" r="0.95" fill="currentColor" />
        </>
      );
    case 'checking':
      return (
        <>
          <path d="M1.6 8 Q8 1.6 14.4 8 Q8 14.4 1.6 8 Z" {...stroke} strokeLinejoin="round" />
          <circle cx="8" cy="8" r="1.9" fill="currentColor" />
        </>
      );
    case 'back_off':
      return (
        <>
          <circle cx="8" cy="8" r="5.8" {...stroke} />
          <path d="M8 4.8 V8 L10.2 9.6" {...stroke} />
        </>
      );
    case 'completed':
      return (
        <>
          <circle cx="8" cy="8" r="6.4" fill="currentColor" />
          <path d="M5.2 8.2 L7.2 10.2 L10.9 6" {...stroke} stroke="var(--surface)" strokeWidth={1.7} strokeLinejoin="round" />
        </>
      );
    case 'failed':
      return (
        <>
          <path d="M5.4 1.7 H10.6 L14.3 5.4 V10.6 L10.6 14.3 H5.4 L1.7 10.6 V5.4 Z" fill="currentColor" />
          <path d="M5.9 5.9 L10.1 10.1 M10.1 5.9 L5.9 10.1" {...stroke} stroke="var(--surface)" strokeWidth={1.7} />
        </>
      );
    case 'cancelled':
      return (
        <>
          <circle cx="8" cy="8" r="5.8" {...stroke} />
          <path d="M4 12 L12 4" {...stroke} />
        </>
      );
  }
}

export const StateIcon = memo(function StateIcon({ phase, size = 14 }: { phase: TaskPhase; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      aria-hidden="true"
      className={`phase-${phase} shrink-0 text-(--phase)`}
    >
      {shape(phase)}
    </svg>
  );
});
