// A view that breaks takes no other view with it: it says so, and can be drawn again.

import { OctagonX } from 'lucide-react';
import { Component } from 'react';
import type { ReactNode } from 'react';

import { translate } from '../i18n';
import { Button } from './controls';
import { Empty } from './Empty';

type State = { error: Error | null };

export class Boundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <Empty icon={OctagonX} title={translate('error.internal')} text={error.message}>
        <Button onClick={() => this.setState({ error: null })}>{translate('action.try_again')}</Button>
      </Empty>
    );
  }
}
