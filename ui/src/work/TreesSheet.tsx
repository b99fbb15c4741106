// Work trees and branches that runs have left: by place, with their size, and removed on request.

import { GitBranch, TriangleAlert } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

import { Button } from '../design/controls';
import { Sheet } from '../design/surfaces';
import { useText } from '../i18n';
import { kibText, removable } from '../model/work';
import { asApiError } from '../platform/platform';
import type { ApiError, KeptAt, KeptTree, KeptTrees } from '../platform/types';
import { useCommands, useSession } from '../store/context';
import { showOverlay, useView } from '../store/view';

type Chosen = { chosen: ReadonlySet<string>; onChoose: (branch: string, on: boolean) => void };

function TreeRow({ tree, chosen, onChoose }: Chosen & { tree: KeptTree }) {
  const t = useText();
  const free = tree.unmerged === null && tree.branch !== '';
  return (
    <tr data-testid="kept-tree" data-branch={tree.branch} className="border-t border-line align-top">
      <td className="py-1.5 pl-2.5">
        <input type="checkbox" className="accent-(--accent)" disabled={!free} checked={chosen.has(tree.branch)} aria-label={t('trees.select', { branch: tree.branch })} onChange={(event) => onChoose(tree.branch, event.target.checked)} />
      </td>
      <td className="selectable px-1.5 py-1.5">
        <span className="block font-mono text-2xs break-all">{tree.branch === '' ? '–' : tree.branch}</span>
        {tree.folder === null ? null : <span className="block font-mono text-2xs break-all text-ink-3">{tree.folder}</span>}
      </td>
      <td className="px-1.5 py-1.5 text-right text-2xs whitespace-nowrap tabular">{kibText(tree.size_kib)}</td>
      <td className={`px-2.5 py-1.5 text-2xs ${free ? 'text-ink-3' : 'text-back-off'}`}>{tree.unmerged ?? t('trees.free')}</td>
    </tr>
  );
}

function Place({ place, ...rest }: Chosen & { place: KeptAt }) {
  const t = useText();
  const size = place.trees.reduce((sum, tree) => sum + tree.size_kib, 0);
  return (
    <section className="rounded-md border border-line">
      <h3 className="flex items-baseline gap-2 px-2.5 py-1.5 text-xs font-semibold">
        {place.host ?? t('trees.here')}
        {place.trees.length === 0 ? null : <span className="font-normal text-ink-3 tabular">{kibText(size)}</span>}
      </h3>
      {place.problem === null ? null : (
        <p className="selectable flex gap-1.5 px-2.5 pb-1.5 text-xs text-failed">
          <TriangleAlert size={13} className="mt-0.5 shrink-0" aria-hidden="true" />
          {place.problem}
        </p>
      )}
      {place.trees.length > 0 || place.problem !== null ? null : <p className="px-2.5 pb-1.5 text-xs text-ink-3">{t('trees.none_here')}</p>}
      {place.trees.length === 0 ? null : (
        // The columns of all places stand below each other.
        <table className="w-full table-fixed">
          <colgroup>
            <col className="w-7" />
            <col />
            <col className="w-20" />
            <col className="w-44" />
          </colgroup>
          <thead className="sr-only">
            <tr>
              <th scope="col">{t('trees.chosen')}</th>
              <th scope="col">{t('trees.branch')}</th>
              <th scope="col">{t('trees.size')}</th>
              <th scope="col">{t('trees.state')}</th>
            </tr>
          </thead>
          <tbody>
            {place.trees.map((tree) => (
              <TreeRow key={`${tree.branch} ${tree.folder ?? ''}`} tree={tree} {...rest} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

const sizeOf = (some: readonly KeptTree[]): string => kibText(some.reduce((sum, tree) => sum + tree.size_kib, 0));

function Table({ kept, onKept }: { kept: KeptTrees; onKept: (kept: KeptTrees) => void }) {
  const t = useText();
  const commands = useCommands();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const free = removable(kept);
  const trees = kept.places.flatMap((place) => place.trees);
  const all = useRef<HTMLInputElement>(null);
  const some = chosen.size > 0 && chosen.size < free.length;
  useEffect(() => {
    if (all.current !== null) all.current.indeterminate = some;
  }, [some]);
  const onChoose = (branch: string, on: boolean): void => {
    setChosen((before) => new Set(on ? [...before, branch] : [...before].filter((one) => one !== branch)));
  };
  const remove = async (): Promise<void> => {
    const left = await commands.removeTrees([...chosen]);
    if (left === null) return;
    setChosen(new Set());
    onKept(left);
  };
  if (trees.length === 0 && kept.places.every((place) => place.problem === null)) return <p className="py-4 text-sm text-ink-3">{t('trees.none')}</p>;
  return (
    <div className="flex flex-col gap-3">
      {kept.places.map((place) => (
        <Place key={place.host ?? ''} place={place} chosen={chosen} onChoose={onChoose} />
      ))}
      <div className="sticky bottom-0 flex items-center gap-3 bg-raised pt-2 text-xs">
        <label className="flex items-center gap-1.5">
          <input ref={all} type="checkbox" data-testid="trees-all" className="accent-(--accent)" disabled={free.length === 0} checked={free.length > 0 && chosen.size === free.length} onChange={(event) => setChosen(new Set(event.target.checked ? free : []))} />
          {t('trees.select_all')}
        </label>
        <span data-testid="trees-total" className="ml-auto text-ink-3 tabular">
          {t('trees.total', { size: sizeOf(trees) })}
        </span>
        <Button look="danger" data-testid="trees-remove" disabled={chosen.size === 0} onClick={() => void remove()}>
          {chosen.size === 0 ? t('trees.remove_none') : t('trees.remove', { count: chosen.size, size: sizeOf(trees.filter((tree) => chosen.has(tree.branch))) })}
        </Button>
      </div>
    </div>
  );
}

function Body() {
  const t = useText();
  const { platform } = useSession();
  const [kept, setKept] = useState<KeptTrees | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    platform.keptTrees().then(setKept, (thrown: unknown) => setError(asApiError(thrown)));
  }, [platform]);
  if (error !== null) return <p role="alert" className="selectable text-sm text-failed">{[error.message, ...error.hints].join(' ')}</p>;
  if (kept === null) {
    return (
      <p role="status" className="flex items-center gap-2 py-4 text-sm text-ink-3">
        <GitBranch size={14} aria-hidden="true" />
        {t('trees.loading')}
      </p>
    );
  }
  return <Table kept={kept} onKept={setKept} />;
}

export function TreesSheet() {
  const t = useText();
  const open = useView((view) => view.overlay === 'trees');
  return (
    <Sheet open={open} onClose={() => showOverlay(null)} title={t('trees.title')} description={t('trees.note')} width="w-[760px]">
      <Body />
    </Sheet>
  );
}
