import { Component, type ErrorInfo, type ReactElement, type ReactNode } from 'react';
import { Icon } from './Icon.tsx';

interface Props {
  readonly children: ReactNode;
}

/** When a part of the page breaks: a sentence and a way on, instead of a white page. What was written is in the store already. */
export class ErrorBoundary extends Component<Props, { readonly broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { readonly broken: boolean } {
    return { broken: true };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error('A part of the page broke.', error, info.componentStack);
  }

  override render(): ReactNode {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}

function Broken(): ReactElement {
  const again = (): void => {
    history.replaceState(null, '', '#/');
    location.reload();
  };
  return (
    <main className="splash" role="alert">
      <Icon name="alert" size={48} />
      <p>Something broke on this page. Your messages are safe.</p>
      <button type="button" className="button primary" onClick={again}>
        Open Parley again
      </button>
    </main>
  );
}
