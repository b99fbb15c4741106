// A run: the three linked views, the agents and the inspector.

import { PanelRightOpen, Unplug } from 'lucide-react';
import { lazy, Suspense, useCallback } from 'react';
import { Group, Panel, Separator } from 'react-resizable-panels';
import type { Layout } from 'react-resizable-panels';
import { useStore } from 'zustand';

import { AgentsStrip } from '../agents/AgentsStrip';
import { Boundary } from '../design/Boundary';
import { IconButton } from '../design/controls';
import { ExportSheet } from '../export/ExportSheet';
import { GraphPane } from '../graph/GraphPane';
import { Header } from '../header/Header';
import { DraftBanner } from '../header/DraftBanner';
import { StandInBanner } from '../header/StandInBanner';
import { StuckBanner } from '../header/StuckBanner';
import { HistoryBar } from '../history/HistoryBar';
import { useText } from '../i18n';
import { Inspector } from '../inspector/Inspector';
import { LogsPane } from '../logs/LogsPane';
import { Palette } from '../palette/Palette';
import { KeysSheet } from '../settings/KeysSheet';
import { usePast } from '../store/past';
import { RunScope, useRunStore } from '../store/run';
import { openInspector, useView } from '../store/view';
import { TimelinePane } from '../timeline/TimelinePane';
import { HandOverDialog } from '../work/HandOverDialog';
import { PullSheet } from '../work/PullSheet';
import { TreesSheet } from '../work/TreesSheet';
import { VerificationSheet } from '../work/Verification';
import { DragScope } from './drag';
import { useKeys } from './keys';

const ReviewSheet = lazy(() => import('../review/ReviewSheet').then((module) => ({ default: module.ReviewSheet })));

function storedLayout(id: string): Layout | undefined {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(`miyabi.layout.${id}`) ?? 'null');
    return typeof stored === 'object' && stored !== null ? (stored as Layout) : undefined;
  } catch {
    return undefined;
  }
}

/** A group of panes that remembers how it was divided. */
function Split({ id, vertical, children }: { id: string; vertical?: boolean; children: React.ReactNode }) {
  const keep = useCallback((layout: Layout) => localStorage.setItem(`miyabi.layout.${id}`, JSON.stringify(layout)), [id]);
  const before = storedLayout(id);
  return (
    <Group
      id={id}
      orientation={vertical === true ? 'vertical' : 'horizontal'}
      onLayoutChanged={keep}
      className="h-full"
      {...(before === undefined ? {} : { defaultLayout: before })}
    >
      {children}
    </Group>
  );
}

function ConnectionLost() {
  const t = useText();
  const lost = useStore(useRunStore(), (state) => state.backend === 'lost');
  if (!lost) return null;
  return (
    <p role="alert" data-testid="connection-lost" className="flex items-center gap-2 border-b border-line bg-[color-mix(in_oklab,var(--failed)_12%,var(--surface))] px-3 py-1.5 text-sm text-failed">
      <Unplug size={14} aria-hidden="true" />
      {t('connection.lost')}
    </p>
  );
}

function Maximised() {
  const pane = useView((view) => view.maximised);
  if (pane === 'graph') return <GraphPane />;
  return pane === 'timeline' ? <TimelinePane /> : <LogsPane />;
}

function Views() {
  const maximised = useView((view) => view.maximised !== null);
  if (maximised) {
    return (
      <div className="flex h-full flex-col">
        <div className="min-h-0 flex-1">
          <Maximised />
        </div>
        <AgentsStrip />
      </div>
    );
  }
  return (
    <Split id="views" vertical>
      <Panel id="area-top" defaultSize="50%" minSize="20%">
        <div className="flex h-full flex-col">
          <div className="min-h-0 flex-1">
            <GraphPane />
          </div>
          <AgentsStrip />
        </div>
      </Panel>
      <Separator className="h-px" />
      <Panel id="area-bottom" minSize="15%">
        <Split id="bottom">
          <Panel id="area-timeline" defaultSize="57%" minSize="25%">
            <TimelinePane />
          </Panel>
          <Separator className="w-px" />
          <Panel id="area-logs" minSize="20%">
            <LogsPane />
          </Panel>
        </Split>
      </Panel>
    </Split>
  );
}

function Main() {
  const t = useText();
  const open = useView((view) => view.inspectorOpen);
  if (!open) {
    return (
      <div className="relative h-full">
        <Views />
        <span className="absolute right-1 bottom-1 z-10 rounded-md border border-line bg-raised shadow-card">
          <IconButton icon={PanelRightOpen} label={t('inspector.open')} onClick={() => openInspector(true)} />
        </span>
      </div>
    );
  }
  return (
    <Split id="main">
      <Panel id="area-views" minSize="40%">
        <Views />
      </Panel>
      <Separator className="w-px" />
      <Panel id="area-inspector" defaultSize="332px" minSize="260px" maxSize="560px" groupResizeBehavior="preserve-pixel-size">
        <Boundary>
          <Inspector />
        </Boundary>
      </Panel>
    </Split>
  );
}

/** The run as it stands, or as it stood at the moment that is looked at. */
function Shown() {
  const past = usePast((one) => one.shown);
  return past === null ? <Main /> : <RunScope value={past}><Main /></RunScope>;
}

/** The differences of files need a library that nothing else needs: it comes with the first review. */
function Reviewed() {
  const open = useView((view) => view.overlay === 'review');
  return open ? (
    <Suspense fallback={null}>
      <ReviewSheet />
    </Suspense>
  ) : null;
}

export function RunScreen() {
  useKeys();
  return (
    <DragScope>
      <div className="flex h-full flex-col">
        <Header />
        <ConnectionLost />
        <StuckBanner />
        <StandInBanner />
        <DraftBanner />
        <HistoryBar />
        <main className="min-h-0 flex-1">
          <Shown />
        </main>
      </div>
      <Reviewed />
      <VerificationSheet />
      <TreesSheet />
      <PullSheet />
      <HandOverDialog />
      <Palette />
      <ExportSheet />
      <KeysSheet />
    </DragScope>
  );
}
