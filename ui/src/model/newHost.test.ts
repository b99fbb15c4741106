import { describe, expect, it } from 'vitest';

import { hostIdFrom, matchingNames, newHost } from './newHost';

const FIELDS = { id: 'MUGEN', address: 'ec2-user@mugen', title: ' EC2 ', capacity: '6', labels: 'cpu,  gpu' };

function problem(change: Partial<typeof FIELDS>, taken: string[] = []): string | null {
  const made = newHost({ ...FIELDS, ...change }, taken);
  return made.good ? null : made.problem;
}

describe('a new host', () => {
  it('gets a name from its address', () => {
    expect(hostIdFrom('mugen')).toBe('MUGEN');
    expect(hostIdFrom('ec2-user@majin.example.com')).toBe('MAJIN');
    expect(hostIdFrom('10.0.0.7')).toBe('');
    expect(hostIdFrom('a b$(x)')).toBe('A-B--X-');
  });

  it('is read from its fields', () => {
    expect(newHost(FIELDS, ['MAJIN'])).toEqual({
      good: true,
      host: { id: 'MUGEN', title: 'EC2', transport: 'ssh', address: 'ec2-user@mugen', command: [], capacity: 6, labels: ['cpu', 'gpu'], state_dir: null, work_folder: null },
    });
    expect(newHost({ ...FIELDS, capacity: '' }, [])).toMatchObject({ host: { capacity: null } });
  });

  it('is refused by its first bad field', () => {
    expect(problem({ address: ' ' })).toBe('address');
    expect(problem({ address: '-oProxyCommand=x' })).toBe('address');
    expect(problem({ id: '7x' })).toBe('id');
    expect(problem({}, ['mugen'])).toBe('taken');
    expect(problem({ capacity: '0' })).toBe('capacity');
    expect(problem({ capacity: 'six' })).toBe('capacity');
  });

  it('is suggested by what was typed, names that begin so first, until one stands there whole', () => {
    const names = ['bastion-mu', 'mugen', 'mugen-jp', 'majin'];
    expect(matchingNames(names, 'MU')).toEqual(['mugen', 'mugen-jp', 'bastion-mu']);
    expect(matchingNames(names, 'mugen')).toEqual([]);
    expect(matchingNames(names, '')).toEqual(names);
  });
});
