BEGIN TRY

BEGIN TRAN;

-- CreateTable
CREATE TABLE [dbo].[User] (
    [id] INT NOT NULL IDENTITY(1,1),
    [email] NVARCHAR(320) NOT NULL,
    [name] NVARCHAR(1000),
    [role] VARCHAR(20) NOT NULL CONSTRAINT [User_role_df] DEFAULT 'member',
    [active] BIT NOT NULL CONSTRAINT [User_active_df] DEFAULT 1,
    [credits] INT NOT NULL CONSTRAINT [User_credits_df] DEFAULT 0,
    [createdAt] DATETIME2 NOT NULL CONSTRAINT [User_createdAt_df] DEFAULT CURRENT_TIMESTAMP,
    [updatedAt] DATETIME2 NOT NULL,
    [managerId] INT,
    CONSTRAINT [User_pkey] PRIMARY KEY CLUSTERED ([id]),
    CONSTRAINT [User_email_key] UNIQUE NONCLUSTERED ([email])
);

-- CreateTable
CREATE TABLE [dbo].[Profile] (
    [id] INT NOT NULL IDENTITY(1,1),
    [bio] NVARCHAR(max) NOT NULL,
    [userId] INT NOT NULL,
    CONSTRAINT [Profile_pkey] PRIMARY KEY CLUSTERED ([id]),
    CONSTRAINT [Profile_userId_key] UNIQUE NONCLUSTERED ([userId])
);

-- CreateTable
CREATE TABLE [dbo].[Post] (
    [id] BIGINT NOT NULL IDENTITY(1,1),
    [title] NVARCHAR(200) NOT NULL,
    [slug] VARCHAR(200) NOT NULL,
    [content] NVARCHAR(max),
    [published] BIT NOT NULL CONSTRAINT [Post_published_df] DEFAULT 0,
    [views] INT NOT NULL CONSTRAINT [Post_views_df] DEFAULT 0,
    [rating] FLOAT(53),
    [price] DECIMAL(10,2) NOT NULL CONSTRAINT [Post_price_df] DEFAULT 0,
    [createdAt] DATETIME2 NOT NULL CONSTRAINT [Post_createdAt_df] DEFAULT CURRENT_TIMESTAMP,
    [authorId] INT,
    CONSTRAINT [Post_pkey] PRIMARY KEY CLUSTERED ([id]),
    CONSTRAINT [Post_slug_unique] UNIQUE NONCLUSTERED ([slug])
);

-- CreateTable
CREATE TABLE [dbo].[Comment] (
    [postId] BIGINT NOT NULL,
    [number] INT NOT NULL,
    [text] NVARCHAR(1000) NOT NULL,
    [writtenAt] DATETIMEOFFSET NOT NULL CONSTRAINT [Comment_writtenAt_df] DEFAULT CURRENT_TIMESTAMP,
    [authorId] INT,
    CONSTRAINT [Comment_pkey] PRIMARY KEY CLUSTERED ([postId],[number])
);

-- CreateTable
CREATE TABLE [dbo].[Tag] (
    [id] INT NOT NULL IDENTITY(1,1),
    [name] NVARCHAR(100) NOT NULL,
    CONSTRAINT [Tag_pkey] PRIMARY KEY CLUSTERED ([id]),
    CONSTRAINT [Tag_name_key] UNIQUE NONCLUSTERED ([name])
);

-- CreateTable
CREATE TABLE [dbo].[accounts] (
    [id] UNIQUEIDENTIFIER NOT NULL,
    [provider] VARCHAR(50) NOT NULL,
    [provider_subject] VARCHAR(200) NOT NULL,
    [balance] MONEY NOT NULL CONSTRAINT [accounts_balance_df] DEFAULT 0,
    [user_id] INT NOT NULL,
    CONSTRAINT [accounts_pkey] PRIMARY KEY CLUSTERED ([id]),
    CONSTRAINT [accounts_provider_provider_subject_key] UNIQUE NONCLUSTERED ([provider],[provider_subject])
);

-- CreateTable
CREATE TABLE [dbo].[Entry] (
    [accountId] UNIQUEIDENTIFIER NOT NULL,
    [line] INT NOT NULL,
    [amount] DECIMAL(19,4) NOT NULL,
    [memo] NVARCHAR(1000),
    [reversesAccountId] UNIQUEIDENTIFIER,
    [reversesLine] INT,
    CONSTRAINT [Entry_pkey] PRIMARY KEY CLUSTERED ([accountId],[line])
);

-- CreateTable
CREATE TABLE [dbo].[EveryType] (
    [id] INT NOT NULL,
    [string] NVARCHAR(1000),
    [boolean] BIT,
    [int] INT,
    [bigInt] BIGINT,
    [float] FLOAT(53),
    [decimal] DECIMAL(32,16),
    [dateTime] DATETIME2,
    [bytes] VARBINARY(max),
    [char] CHAR(10),
    [nChar] NCHAR(10),
    [varChar] VARCHAR(100),
    [varCharMax] VARCHAR(max),
    [nVarChar] NVARCHAR(100),
    [nVarCharMax] NVARCHAR(max),
    [text] TEXT,
    [nText] NTEXT,
    [xml] XML,
    [uniqueIdentifier] UNIQUEIDENTIFIER,
    [bit] BIT,
    [bitInt] BIT,
    [tinyInt] TINYINT,
    [smallInt] SMALLINT,
    [integer] INT,
    [bigInteger] BIGINT,
    [real] REAL,
    [double] FLOAT(53),
    [money] MONEY,
    [smallMoney] SMALLMONEY,
    [numeric] DECIMAL(38,10),
    [date] DATE,
    [time] TIME,
    [dateTimeOld] DATETIME,
    [dateTime2] DATETIME2,
    [smallDateTime] SMALLDATETIME,
    [dateTimeOffset] DATETIMEOFFSET,
    [binary] BINARY(16),
    [varBinary] VARBINARY(100),
    [varBinaryMax] VARBINARY(max),
    [image] IMAGE,
    CONSTRAINT [EveryType_pkey] PRIMARY KEY CLUSTERED ([id])
);

-- CreateTable
CREATE TABLE [dbo].[EveryDefault] (
    [id] UNIQUEIDENTIFIER NOT NULL CONSTRAINT [EveryDefault_id_df] DEFAULT newid(),
    [sequence] BIGINT NOT NULL IDENTITY(1,1),
    [string] NVARCHAR(1000) NOT NULL CONSTRAINT [EveryDefault_string_df] DEFAULT 'it''s {quoted}',
    [boolean] BIT NOT NULL CONSTRAINT [EveryDefault_boolean_df] DEFAULT 1,
    [int] INT NOT NULL CONSTRAINT [EveryDefault_int_df] DEFAULT 42,
    [bigInt] BIGINT NOT NULL CONSTRAINT [EveryDefault_bigInt_df] DEFAULT 9007199254740993,
    [float] FLOAT(53) NOT NULL CONSTRAINT [EveryDefault_float_df] DEFAULT 1.5,
    [decimal] DECIMAL(32,16) NOT NULL CONSTRAINT [EveryDefault_decimal_df] DEFAULT 12.34,
    [dateTime] DATETIME2 NOT NULL CONSTRAINT [EveryDefault_dateTime_df] DEFAULT CURRENT_TIMESTAMP,
    [cuid] NVARCHAR(1000) NOT NULL,
    [note] NVARCHAR(1000),
    CONSTRAINT [EveryDefault_pkey] PRIMARY KEY CLUSTERED ([id]),
    CONSTRAINT [EveryDefault_sequence_key] UNIQUE NONCLUSTERED ([sequence])
);

-- CreateTable
CREATE TABLE [dbo].[_PostToTag] (
    [A] BIGINT NOT NULL,
    [B] INT NOT NULL,
    CONSTRAINT [_PostToTag_AB_unique] UNIQUE NONCLUSTERED ([A],[B])
);

-- CreateIndex
CREATE NONCLUSTERED INDEX [User_managerId_idx] ON [dbo].[User]([managerId]);

-- CreateIndex
CREATE NONCLUSTERED INDEX [Post_authorId_idx] ON [dbo].[Post]([authorId]);

-- CreateIndex
CREATE NONCLUSTERED INDEX [Post_published_createdAt_idx] ON [dbo].[Post]([published], [createdAt] DESC);

-- CreateIndex
CREATE NONCLUSTERED INDEX [_PostToTag_B_index] ON [dbo].[_PostToTag]([B]);

-- AddForeignKey
ALTER TABLE [dbo].[User] ADD CONSTRAINT [User_managerId_fkey] FOREIGN KEY ([managerId]) REFERENCES [dbo].[User]([id]) ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE [dbo].[Profile] ADD CONSTRAINT [Profile_userId_fkey] FOREIGN KEY ([userId]) REFERENCES [dbo].[User]([id]) ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE [dbo].[Post] ADD CONSTRAINT [Post_authorId_fkey] FOREIGN KEY ([authorId]) REFERENCES [dbo].[User]([id]) ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE [dbo].[Comment] ADD CONSTRAINT [Comment_postId_fkey] FOREIGN KEY ([postId]) REFERENCES [dbo].[Post]([id]) ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE [dbo].[Comment] ADD CONSTRAINT [Comment_authorId_fkey] FOREIGN KEY ([authorId]) REFERENCES [dbo].[User]([id]) ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE [dbo].[accounts] ADD CONSTRAINT [accounts_user_id_fkey] FOREIGN KEY ([user_id]) REFERENCES [dbo].[User]([id]) ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE [dbo].[Entry] ADD CONSTRAINT [Entry_accountId_fkey] FOREIGN KEY ([accountId]) REFERENCES [dbo].[accounts]([id]) ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE [dbo].[Entry] ADD CONSTRAINT [Entry_reversesAccountId_reversesLine_fkey] FOREIGN KEY ([reversesAccountId], [reversesLine]) REFERENCES [dbo].[Entry]([accountId], [line]) ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE [dbo].[_PostToTag] ADD CONSTRAINT [_PostToTag_A_fkey] FOREIGN KEY ([A]) REFERENCES [dbo].[Post]([id]) ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE [dbo].[_PostToTag] ADD CONSTRAINT [_PostToTag_B_fkey] FOREIGN KEY ([B]) REFERENCES [dbo].[Tag]([id]) ON DELETE CASCADE ON UPDATE CASCADE;

COMMIT TRAN;

END TRY
BEGIN CATCH

IF @@TRANCOUNT > 0
BEGIN
    ROLLBACK TRAN;
END;
THROW

END CATCH
