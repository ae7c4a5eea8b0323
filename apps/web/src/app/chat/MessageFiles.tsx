import type { Attachment, Message } from '@parley/sdk';
import { useChat, useUpload } from '@parley/sdk-react';
import type { ReactElement } from 'react';
import { formatBytes, formatMoment, formatTime } from '../../shared/format.ts';
import { Icon } from '../../ui/Icon.tsx';
import { Ticks } from '../../ui/Ticks.tsx';
import { useFetched } from '../media/auto-download.ts';
import { Photo } from '../media/Photo.tsx';
import { ProgressRing } from '../media/ProgressRing.tsx';
import { shownStatus, usePreferences } from '../preferences.ts';
import { useLocalFile } from '../sdk.ts';
import type { MessageBubbleProps } from './Message.tsx';

/** Star, "Edited", time and tick. */
export function Meta({ message }: { readonly message: Message }): ReactElement {
  usePreferences();
  return (
    <>
      {message.expiresAt !== undefined && !message.deleted && <Icon name="timer" size={13} />}
      {message.starred && <Icon name="starFull" size={13} />}
      {message.editedAt !== undefined && !message.deleted && <span title={`Edited ${formatMoment(message.editedAt)}`}>Edited</span>}
      <time dateTime={new Date(message.sentAt).toISOString()} title={formatMoment(message.sentAt)}>
        {formatTime(message.sentAt)}
      </time>
      {message.mine && !message.deleted && <Ticks state={shownStatus(message.status)} />}
    </>
  );
}

/** Properties of the files in a bubble. */
export interface FileProps extends MessageBubbleProps {
  readonly file: Attachment;
}

/** The ring over a file that is on its way, or nothing. */
function Progress({ file, small = false }: { readonly file: Attachment; readonly small?: boolean }): ReactElement | null {
  const view = useUpload(file.uploadId);
  if (view === undefined || (view.state.state !== 'waiting' && view.state.state !== 'uploading')) return null;
  return (
    <ProgressRing
      small={small}
      progress={view.state.progress}
      cancel={() => view.upload.cancel()}
      label={`Sending ${file.kind === 'image' ? 'photo' : file.name}`}
    />
  );
}

export function PhotoFile({ file, message, senderName, actions }: FileProps): ReactElement {
  const loaded = useFetched(useChat(), file);
  const localUrl = useLocalFile(message.id, file);
  return (
    <div className="photo-host">
      <Photo
        file={file}
        localUrl={localUrl}
        loaded={loaded}
        open={() => actions.openPhoto(message, file)}
        label={`Open photo from ${message.mine ? 'you' : senderName}, ${formatTime(message.sentAt)}`}
      />
      <Progress file={file} />
      {message.body === '' && (
        <span className="over">
          <Meta message={message} />
        </span>
      )}
    </div>
  );
}

export function DocumentFile({ file, message }: FileProps): ReactElement {
  const localUrl = useLocalFile(message.id, file);
  const href = file.url === '' ? localUrl : file.url;
  const kind = /\.([\p{L}\p{N}]{1,5})$/u.exec(file.name)?.[1]?.toUpperCase();
  const details = [file.sizeBytes === undefined ? undefined : formatBytes(file.sizeBytes), kind]
    .filter((part) => part !== undefined)
    .join(' · ');
  const content = (
    <>
      <span className="sheet-icon">
        <Icon name="document" />
      </span>
      <span className="file-lines">
        <span className="file-name" dir="auto">
          {file.name}
        </span>
        <span className="file-meta">{details}</span>
      </span>
    </>
  );
  if (href === undefined || file.url === '')
    return (
      <div className="document">
        {content}
        <Progress small file={file} />
      </div>
    );
  return (
    <a className="document" href={href} download={file.name} rel="noopener noreferrer" target="_blank">
      <span className="visually-hidden">Download</span>
      {content}
      <Icon name="download" size={22} />
    </a>
  );
}
