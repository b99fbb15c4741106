// The graph of tasks: pan, zoom, fit; selecting here selects everywhere.

import { Background, BackgroundVariant, MiniMap, ReactFlow, ReactFlowProvider, useReactFlow, useStore, useStoreApi } from '@xyflow/react';
import { Maximize, Minus, Network, Plus } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef } from 'react';

import { IconButton } from '../design/controls';
import { Empty } from '../design/Empty';
import { Pane } from '../design/surfaces';
import { useText } from '../i18n';
import { useRun, useRunStore } from '../store/run';
import { selectTask, useView } from '../store/view';
import { drawsOnlyWhatIsInSight, edgesWorthDrawing, graphEdges, graphNodes, isReadable } from './elements';
import type { TaskFlowNode } from './elements';
import { PhaseLegend } from './PhaseLegend';
import { TaskNode } from './TaskNode';

const NODE_TYPES = { task: TaskNode };
const MINIMAP_FROM = 60;
const GREAT = 200;
const MAP_SIZE = { width: 140, height: 84 };
const FIT = { padding: 0.07, maxZoom: 1.1 };

function useGraphTasks() {
  const store = useRunStore();
  const topology = useRun((data) => data.topology);
  // The tasks of this topology: their places and needs stay the same until it changes.
  return useMemo(() => {
    const { data } = store.getState();
    return { topology, tasks: data.taskIds.flatMap((id) => data.tasks[id] ?? []) };
  }, [store, topology]);
}

/** Brings a task that was selected elsewhere into sight, without moving when it is in sight. */
function useRevealSelection(): void {
  const { getNode, setCenter, getViewport, getZoom } = useReactFlow<TaskFlowNode>();
  const flow = useStoreApi();
  const selected = useView((view) => view.selectedTask);
  useEffect(() => {
    const node = selected === null ? undefined : getNode(selected);
    const pane = flow.getState().domNode;
    if (node === undefined || pane === null) return;
    const { x, y, zoom } = getViewport();
    const left = node.position.x * zoom + x;
    const top = node.position.y * zoom + y;
    const width = (node.width ?? 0) * zoom;
    const height = (node.height ?? 0) * zoom;
    const seen = left >= 0 && top >= 0 && left + width <= pane.clientWidth && top + height <= pane.clientHeight;
    if (seen) return;
    void setCenter(node.position.x + (node.width ?? 0) / 2, node.position.y + (node.height ?? 0) / 2, {
      zoom: getZoom(),
    });
  }, [selected, flow, getNode, setCenter, getViewport, getZoom]);
}

function Canvas() {
  const t = useText();
  const { tasks } = useGraphTasks();
  const selected = useView((view) => view.selectedTask);
  const nodes = useMemo(() => graphNodes(tasks), [tasks]);
  const readable = useStore(isReadable);
  const edges = useMemo(() => edgesWorthDrawing(graphEdges(tasks, selected), readable), [tasks, selected, readable]);
  const { fitView, zoomIn, zoomOut } = useReactFlow();
  const frame = useRef<HTMLDivElement>(null);
  const moved = useRef(false);
  const fit = useCallback(() => {
    moved.current = false;
    void fitView(FIT);
  }, [fitView]);
  const clear = useCallback(() => selectTask(null), []);
  const onMoveStart = useCallback((event: MouseEvent | TouchEvent | null) => {
    // Moves of our own carry no event.
    if (event !== null) moved.current = true;
    if (frame.current !== null) frame.current.dataset['moving'] = '';
  }, []);
  const onMoveEnd = useCallback(() => {
    delete frame.current?.dataset['moving'];
  }, []);
  useRevealSelection();

  useEffect(() => {
    if (frame.current === null) return undefined;
    const observer = new ResizeObserver(() => {
      if (!moved.current) void fitView(FIT);
    });
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, [fitView, tasks]);

  if (tasks.length === 0) return <Empty icon={Network} title={t('graph.empty')} />;
  return (
    <div ref={frame} className={`h-full ${tasks.length > GREAT ? 'graph-great' : ''}`}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={false}
        edgesFocusable={false}
        onlyRenderVisibleElements={drawsOnlyWhatIsInSight(tasks.length)}
        fitView
        fitViewOptions={FIT}
        // A great graph begins far away: drawn at full size first, it would cost seconds.
        defaultViewport={{ x: 0, y: 0, zoom: tasks.length > GREAT ? 0.1 : 1 }}
        minZoom={0.02}
        maxZoom={2}
        deleteKeyCode={null}
        selectionKeyCode={null}
        zoomOnDoubleClick={false}
        onPaneClick={clear}
        onMoveStart={onMoveStart}
        onMoveEnd={onMoveEnd}
        aria-label={t('graph.title')}
      >
        <Background variant={BackgroundVariant.Dots} gap={22} size={1} color="var(--line)" />
        {tasks.length >= MINIMAP_FROM ? (
          <MiniMap style={MAP_SIZE} pannable zoomable ariaLabel={t('graph.minimap')} bgColor="var(--sunken)" maskColor="var(--hover)" nodeColor="var(--line-strong)" />
        ) : null}
      </ReactFlow>
      <div className="absolute bottom-2 left-2 flex rounded-md border border-line bg-raised shadow-card">
        <IconButton icon={Plus} label={t('graph.zoom_in')} onClick={() => {
          moved.current = true;
          void zoomIn();
        }} />
        <IconButton icon={Minus} label={t('graph.zoom_out')} onClick={() => {
          moved.current = true;
          void zoomOut();
        }} />
        <IconButton icon={Maximize} label={t('graph.fit')} onClick={fit} data-graph-fit />
      </div>
    </div>
  );
}

export function GraphPane() {
  return (
    <Pane name="graph" title="graph.title" lead={<PhaseLegend />}>
      <ReactFlowProvider>
        <Canvas />
      </ReactFlowProvider>
    </Pane>
  );
}
