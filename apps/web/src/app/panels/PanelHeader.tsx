import type { ReactElement } from 'react';
import { Icon } from '../../ui/Icon.tsx';
import { formatRoute, type Route } from '../route.ts';

/** The head of a panel or drawer: back (or close) and a title. */
export function PanelHeader({
  title,
  back,
  close = false,
}: {
  readonly title: string;
  readonly back: Route;
  readonly close?: boolean;
}): ReactElement {
  return (
    <header className="sub">
      <a className="icon-button" href={formatRoute(back)} aria-label={close ? 'Close' : 'Back'} title={close ? 'Close' : 'Back'}>
        <Icon name={close ? 'close' : 'back'} />
      </a>
      {close ? <h2>{title}</h2> : <h1 tabIndex={-1}>{title}</h1>}
    </header>
  );
}
